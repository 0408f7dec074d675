import type { ResolvedConfig } from '../../config/index.js';
import { ANONYMOUS, type CallerIdentity, parseOrdered } from '../../duckdb/index.js';
import {
  checkEndpoints,
  type EndpointCatalog,
  type EndpointFailure,
  type EndpointKind,
  type EndpointRunResult,
  EndpointSet,
  findPythonTargets,
  loadEndpoints,
  runEndpoint,
  withFailures,
} from '../../endpoints/index.js';
import { openProject } from '../../project/index.js';
import type { CallNotification } from '../../python/index.js';
import type { Output } from '../terminal/output.js';
import { visibleLines } from '../../errors/index.js';
import type { CommandContext, Options } from './command.js';
import { readJsonObject } from './json-arguments.js';
import { createCommandLogger, loadProjectConfig, loadProjectSettings } from './project-loading.js';

export interface EndpointCall {
  readonly kind: EndpointKind;
  /** A tool's or prompt's name; a resource's URI, template or name. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly caller: CallerIdentity;
}

/** Endpoints that a command calls. Their owner disposes them. */
export interface OpenEndpoints {
  /** Those that can be called. */
  readonly catalog: EndpointCatalog;
  /** Those that were asked for and cannot be called. */
  readonly failures: readonly EndpointFailure[];
  /** Calls on the same path as a server would, and resolves with the result as JSON. Throws what a call throws. */
  call(call: EndpointCall): Promise<unknown>;
  dispose(): Promise<void>;
}

export type ChooseEndpoints = (catalog: EndpointCatalog, config: ResolvedConfig) => EndpointCatalog;

/** Opens the project and what `choose` takes of its endpoints. Throws the errors of loading and opening a project. */
export async function openEndpoints(
  options: Options,
  context: CommandContext,
  choose: ChooseEndpoints,
): Promise<OpenEndpoints> {
  const settings = loadProjectSettings(options, context);
  const config = await loadProjectConfig(settings, context);
  const chosen = choose(await loadEndpoints(config), config);
  const targets = findPythonTargets(chosen);
  const project = await openProject(config, {
    // Endpoints without Python code start no worker, whatever other code the project has.
    targets: targets.length === 0 ? undefined : targets,
    hooks: true,
    logger: createCommandLogger(context.output, settings),
    endpointsOn: async (contents) =>
      new EndpointSet(withFailures(chosen, await checkEndpoints(chosen, contents)), config.sqlTools),
  });
  const notify = (notification: CallNotification): void => printNotification(context.output, notification);
  const limits = {
    callTimeoutMs: settings.callTimeoutMs,
    maxResultBytes: settings.maxResultBytes,
    skipOutputValidation: options['skipOutputValidation'] === true,
  };
  const { catalog } = project.contents.endpoints;
  return {
    catalog,
    failures: catalog.failures,
    call: async ({ caller, ...call }) => {
      const callContext = { caller, signal: new AbortController().signal, notify };
      return toJson(await runEndpoint(project.contents, { ...call, context: callContext, limits }));
    },
    dispose: () => project.dispose(),
  };
}

/** Prints what a client would receive while the call runs. */
function printNotification(output: Output, notification: CallNotification): void {
  if (notification.kind === 'log') return output.warn(`${notification.level}: ${visibleLines(notification.message)}`);
  const { progress, total, message } = notification;
  const goal = total === undefined ? '' : ` of ${total}`;
  output.warn(`progress: ${progress}${goal}${message === undefined ? '' : ` ${visibleLines(message)}`}`);
}

function toJson(result: EndpointRunResult): unknown {
  switch (result.kind) {
    case 'tool': {
      if (result.result.shape !== 'array') return result.result.value;
      const { items, texts } = result.result;
      return items ?? Array.from(texts, parseOrdered);
    }
    case 'resource':
      return parseText([...result.resource.texts].join(''), result.resource.mimeType);
    case 'prompt':
      return result.messages.map(({ role, text }) => ({ prompt: text, role, type: 'text' }));
  }
}

function parseText(text: string, mimeType: string): unknown {
  if (mimeType !== 'application/json') return text;
  try {
    return parseOrdered(text);
  } catch {
    // The resource declares JSON but its text is not: printed as it is.
    return text;
  }
}

/** The caller that `--user-context` and `--request-headers` describe; undefined without the first. Throws `usage`. */
export function readCaller(
  options: Options,
  { cwd }: CommandContext,
): { readonly user: CallerIdentity | undefined; readonly headers: Pick<CallerIdentity, 'requestHeaders'> } {
  const user = readJsonObject('--user-context', options['userContext'], cwd);
  const given = readJsonObject('--request-headers', options['requestHeaders'], cwd);
  const requestHeaders = Object.fromEntries(
    Object.entries(given ?? {}).map(([header, value]) => [header.toLowerCase(), String(value)]),
  );
  return { user: user && toCaller(user), headers: given === undefined ? {} : { requestHeaders } };
}

/** The caller that a `user_context` describes. */
export function toCaller(user: Readonly<Record<string, unknown>>): CallerIdentity {
  const text = (key: string): string | null => (typeof user[key] === 'string' ? user[key] : null);
  return {
    ...ANONYMOUS,
    username: text('username'),
    email: text('email'),
    provider: text('provider'),
    externalToken: text('external_token'),
  };
}
