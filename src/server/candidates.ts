import {
  type DatabaseFile,
  type DatabaseHandover,
  type DatabaseSpec,
  FileCheck,
  type GenerationDatabase,
  type InspectedDatabase,
  type ParameterValue,
  type StatementShape,
} from '../duckdb/index.js';
import { checkEndpoints, type EndpointFailure } from '../endpoints/index.js';
import { messageOf, MxcpError, toMxcpError } from '../errors/index.js';
import { deadlineIn, type Disposable, type Generation } from '../lifecycle/index.js';
import { endpointReport, type GenerationBuilder, runInitHooks, type Serving } from '../project/index.js';
import type { Candidate, ReloadContext } from '../reload/index.js';

export interface OverlappingCandidateParts {
  readonly generation: Generation<Serving>;
  readonly builder: GenerationBuilder;
  readonly context: ReloadContext;
  readonly onWarning: (message: string) => void;
}

/** A generation that is complete beside the one that serves, and shares its database or has one of its own. */
export class OverlappingCandidate implements Candidate<Serving> {
  readonly needsHandover = false;
  readonly #parts: OverlappingCandidateParts;

  constructor(parts: OverlappingCandidateParts) {
    this.#parts = parts;
  }

  check(): Promise<void> {
    const { contents } = this.#parts.generation;
    const { dryRun, definitions, signal } = this.#parts.context;
    return this.#parts.builder.scrubbingErrors(async () => {
      await contents.database.ping();
      const failures = await checkEndpoints(contents.endpoints.catalog, contents);
      const isReplaced = contents.database.action === 'opened';
      if (failures.length > 0) throw endpointMisfit(contents, failures, { definitions, isReplaced });
      // Last, because hooks may do anything: what would be refused has been refused by now.
      if (!dryRun) await runInitHooks(contents.python, signal);
    });
  }

  /** Nobody has to wait for it. */
  shortenHandover(): Promise<void> {
    return Promise.resolve();
  }

  async commit(): Promise<Generation<Serving>> {
    const { database } = this.#parts.generation.contents;
    await this.#parts.builder.scrubbingErrors(() => database.commit());
    // After a handover that failed, an earlier file may still be kept. Never throws: what is committed is served.
    if (database.action === 'opened')
      for (const warning of await database.settle()) this.#parts.onWarning(warning);
    return this.#parts.generation;
  }

  dispose(): Promise<void> {
    return this.#parts.generation.dispose();
  }
}

export interface HandoverCandidateParts {
  /** Complete but for its database, which is not open, and what depends on it. */
  readonly generation: Generation<Serving>;
  readonly handover: DatabaseHandover;
  /** What endpoints are checked on before anybody waits. */
  readonly standIn: StandIn;
  readonly builder: GenerationBuilder;
  readonly context: ReloadContext;
  /** How long the payload of the reload may take. */
  readonly payloadTimeoutMs: number;
  /** The old generation serves again, with a database that was opened anew. */
  readonly onReopened: () => void;
}

/** A generation whose database can only be opened when that of the old one is closed. */
export class HandoverCandidate implements Candidate<Serving> {
  readonly needsHandover = true;
  readonly #parts: HandoverCandidateParts;

  constructor(parts: HandoverCandidateParts) {
    this.#parts = parts;
  }

  get #contents(): Serving {
    return this.#parts.generation.contents;
  }

  check(): Promise<void> {
    const { builder, handover, standIn } = this.#parts;
    return builder.scrubbingErrors(async () => {
      await handover.assertPossible();
      await standIn.open();
      await this.#checkEndpoints(standIn);
      this.#contents.database.knowPlainSelects(standIn.plainSelects);
      // The file must not be open anywhere when its turn comes.
      await standIn.dispose();
    });
  }

  shortenHandover(): Promise<void> {
    return this.#parts.handover.shorten();
  }

  async commit(): Promise<Generation<Serving>> {
    const { builder, generation, handover } = this.#parts;
    try {
      await builder.scrubbingErrors(() => this.#exchange());
    } catch (error) {
      await this.#goBack(error);
      throw this.#tellingWhatServes(toMxcpError(error));
    }
    await handover.finish();
    return generation;
  }

  async dispose(): Promise<void> {
    await this.#parts.standIn.dispose();
    await this.#parts.generation.dispose();
  }

  /** Rows that are written from now on would be looked for at the path. */
  #tellingWhatServes(error: MxcpError): MxcpError {
    const { servedAs } = this.#parts.handover;
    if (servedAs === undefined) return error;
    const { code, message, problems, detail } = error;
    const told = `${message}\nWhat served before serves on as ${servedAs}; rows written from now on go there until a reload succeeds`;
    return new MxcpError(code, told, { cause: error, problems, ...(detail !== undefined && { detail }) });
  }

  /** All that happens while nobody can call. */
  async #exchange(): Promise<void> {
    const { context, handover, standIn } = this.#parts;
    const { database, python } = this.#contents;
    await handover.close();
    if (context.payload !== undefined) await this.#runPayload(context.payload);
    await handover.open(context.payload === undefined ? standIn.file : undefined);
    await database.commit();
    await database.ping();
    // A payload may have done anything to the file since it was looked at.
    if (context.payload !== undefined) await this.#checkEndpoints(database);
    await runInitHooks(python, context.signal);
  }

  async #runPayload(payload: NonNullable<ReloadContext['payload']>): Promise<void> {
    const { context, payloadTimeoutMs } = this.#parts;
    const late = deadlineIn(payloadTimeoutMs, context.signal);
    try {
      await payload.run(late);
    } catch (error) {
      if (!late.aborted || context.signal.aborted) throw error;
      throw new MxcpError(
        'payload_timeout',
        `the payload of the reload took longer than ${payloadTimeoutMs / 1000} s and was ended; raise --reload-drain-timeout if it needs more`,
        { cause: error },
      );
    } finally {
      late.dispose();
    }
  }

  async #goBack(failure: unknown): Promise<void> {
    const { handover, onReopened } = this.#parts;
    try {
      await handover.goBack();
      onReopened();
    } catch (error) {
      throw new MxcpError('database_failed', `${messageOf(failure)}. Besides, ${messageOf(error)}`, {
        cause: failure,
      });
    }
  }

  async #checkEndpoints(database: Parameters<typeof checkEndpoints>[1]['database']): Promise<void> {
    const contents = this.#contents;
    const { python, endpoints } = contents;
    const failures = await checkEndpoints(endpoints.catalog, { database, python });
    if (failures.length === 0) return;
    const { context, standIn, handover } = this.#parts;
    // A payload may have replaced the file after all.
    const isReplaced = standIn.isReplaced || handover.isReplaced;
    throw endpointMisfit(contents, failures, { definitions: context.definitions, isReplaced });
  }
}

export interface MisfitFacts {
  /** Whether the endpoint files were read again too. */
  readonly definitions: boolean;
  /** Whether the database is another one than what serves. */
  readonly isReplaced: boolean;
}

/** Endpoints that do not fit what a reload found, and what else may have changed under them. */
export function endpointMisfit(
  { database, endpoints }: Serving,
  failures: readonly EndpointFailure[],
  { definitions, isReplaced }: MisfitFacts,
): MxcpError {
  const failed = new Set(failures.map(({ path }) => path));
  const isPython = endpoints.catalog.endpoints.some(
    (endpoint) =>
      failed.has(endpoint.path) && endpoint.kind !== 'prompt' && endpoint.source.language === 'python',
  );
  const replaced = isReplaced
    ? ` on ${database.path}, which replaced the database that serves; put the old one back or mend what does not fit`
    : '';
  const python =
    isPython && !definitions
      ? ' (Python code is taken from disk, endpoint files are not: when both have changed, reload with definitions)'
      : '';
  return endpointReport(failures, `${replaced}${python}`);
}

/** A new file may be large, or need an extension that has to be fetched. */
const CHECK_TIMEOUT_MS = 30_000;

/** What endpoints are checked on as long as the database of their generation cannot be opened. */
export interface StandIn extends InspectedDatabase, Disposable {
  /** Whether it is another file than what serves. */
  readonly isReplaced: boolean;
  /** The file that was looked at; undefined until it was opened. */
  readonly file: DatabaseFile | undefined;
  readonly plainSelects: Iterable<string>;
  /** Throws what makes the file unfit. */
  open(): Promise<void>;
  dispose(): Promise<void>;
}

/** The file that has replaced the one that serves, opened in a process of its own when it is first needed. */
export class ReplacedFile implements StandIn {
  readonly isReplaced = true;
  readonly #spec: DatabaseSpec;
  readonly #signal: AbortSignal;
  #opening: Promise<FileCheck> | undefined;
  #check: FileCheck | undefined;

  constructor(spec: DatabaseSpec, signal: AbortSignal) {
    this.#spec = spec;
    this.#signal = signal;
  }

  get file(): DatabaseFile | undefined {
    return this.#check?.file;
  }

  get plainSelects(): Iterable<string> {
    return this.#check?.plainSelects ?? [];
  }

  async open(): Promise<void> {
    this.#opening ??= FileCheck.open(this.#spec, { timeoutMs: CHECK_TIMEOUT_MS, signal: this.#signal });
    this.#check = await this.#opening;
  }

  async inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    await this.open();
    if (this.#check === undefined) throw new Error('opened without a result');
    return this.#check.inspect(sql, samples);
  }

  async dispose(): Promise<void> {
    await this.#check?.dispose();
  }
}

/** The file that serves and stays: what is open already can be asked. */
export class UnchangedFile implements StandIn {
  readonly isReplaced = false;
  readonly file: DatabaseFile | undefined;
  readonly plainSelects: Iterable<string>;
  readonly #serving: GenerationDatabase;

  constructor(serving: GenerationDatabase) {
    this.file = serving.file;
    this.plainSelects = serving.plainSelects;
    this.#serving = serving;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    return this.#serving.inspect(sql, samples);
  }

  dispose(): Promise<void> {
    return Promise.resolve();
  }
}
