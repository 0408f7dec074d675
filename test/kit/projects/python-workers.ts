import { ANONYMOUS, type Caller } from '../../../src/caller/index.js';
import { Scrubber } from '../../../src/logging/index.js';
import type { DatabaseSession, GenerationDatabase, JsonValue, ParameterValue } from '../../../src/duckdb/index.js';
import {
  PythonWorkers,
  type CallNotification,
  type PythonReloadRequest,
  type PythonTarget,
} from '../../../src/python/index.js';
import type {
  PythonCallOptions,
  PythonConfiguration,
  PythonLimits,
  PythonSpec,
} from '../../../src/python/python-spec.js';
import type { TemporaryProject } from './temporary-project.js';

export interface PythonProjectOptions {
  readonly workers?: number;
  readonly targets?: readonly PythonTarget[];
  readonly limits?: Partial<PythonLimits>;
  readonly resources?: PythonSpec['resources'];
  readonly interpreter?: string;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly configuration?: Partial<PythonConfiguration>;
  readonly pythonFolder?: string;
  readonly openSession?: (caller: Caller) => DatabaseSession;
  readonly signal?: AbortSignal;
}

/** One call's result: a list, or one value. */
export interface PythonResult {
  readonly shape: 'list' | 'value' | 'content' | undefined;
  readonly items: readonly JsonValue[];
  readonly texts: readonly string[];
}

type OutputLine = Parameters<PythonSpec['output']>[0];

/** The Python workers of a temporary project, and all that they say. */
export class PythonProject implements AsyncDisposable {
  readonly output: string[] = [];
  /** The same lines, with what they say about their calls. */
  readonly lines: OutputLine[] = [];
  readonly warnings: string[] = [];
  readonly details: string[] = [];
  readonly reloads: PythonReloadRequest[] = [];
  /** What hooks and code outside calls have changed. */
  readonly updated: string[] = [];
  readonly notifications: CallNotification[] = [];
  #workers: PythonWorkers | undefined;

  /** Throws what the build throws. */
  static async build(project: TemporaryProject, options: PythonProjectOptions = {}): Promise<PythonProject> {
    const built = new PythonProject();
    built.#workers = await PythonWorkers.build(built.#spec(project, options), options.signal);
    return built;
  }

  /** With a database that the code can use. */
  static buildOn(project: TemporaryProject, database: Pick<GenerationDatabase, 'openSession'>): Promise<PythonProject> {
    return PythonProject.build(project, { openSession: (caller) => database.openSession(caller) });
  }

  get workers(): PythonWorkers {
    if (this.#workers === undefined) throw new Error('not built');
    return this.#workers;
  }

  /** Calls `python/<name>.py:<function>`, written as `name:function`. */
  async call(
    target: string,
    parameters: Readonly<Record<string, ParameterValue>> = {},
    options: Partial<PythonCallOptions> = {},
  ): Promise<PythonResult> {
    const [name, functionName] = target.split(':');
    const items: JsonValue[] = [];
    const texts: string[] = [];
    let shape: PythonResult['shape'];
    await this.workers.call({ file: `python/${name}.py`, functionName }, parameters, {
      caller: ANONYMOUS,
      signal: new AbortController().signal,
      maxResultBytes: 10_000_000,
      notify: (notification) => this.notifications.push(notification),
      onShape: (given) => {
        shape = given;
      },
      onItem: (value, text) => {
        items.push(value);
        texts.push(text);
      },
      ...options,
    });
    return { shape, items, texts };
  }

  /** The one value that a function gives. */
  async value(
    target: string,
    parameters: Readonly<Record<string, ParameterValue>> = {},
    options: Partial<PythonCallOptions> = {},
  ): Promise<JsonValue | undefined> {
    const { items } = await this.call(target, parameters, options);
    return items[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workers?.dispose();
  }

  #spec(project: TemporaryProject, options: PythonProjectOptions): Parameters<typeof PythonWorkers.build>[0] {
    return {
      projectRoot: project.root,
      pythonFolder: options.pythonFolder ?? project.path('python'),
      interpreter: options.interpreter,
      workers: options.workers ?? 1,
      environment: options.environment ?? process.env,
      configuration: { siteConfig: {}, userConfig: {}, secrets: [], ...options.configuration },
      targets: options.targets ?? [],
      scrubber: new Scrubber(),
      output: (line) => {
        this.output.push(line.text);
        this.lines.push(line);
      },
      onWarning: (message) => this.warnings.push(message),
      onDebug: (message) => this.details.push(message),
      openSession:
        options.openSession ??
        (() => {
          throw new Error('this test has no database');
        }),
      requestReload: (request) => this.reloads.push(request),
      resources: options.resources ?? [],
      onUpdated: (uris) => this.updated.push(...uris),
      limits: options.limits,
    };
  }
}
