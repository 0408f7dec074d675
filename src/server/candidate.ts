import {
  type DatabaseFile,
  DatabaseHandover,
  type DatabaseSpec,
  type GenerationDatabase,
  type InspectedDatabase,
  type ParameterValue,
  PreflightProcess,
  type StatementShape,
} from '../duckdb/index.js';
import { checkEndpoints, type EndpointFailure } from '../endpoints/index.js';
import { messageOf, MxcpError, toMxcpError } from '../errors/index.js';
import { deadlineIn, type Generation } from '../lifecycle/index.js';
import { endpointReport, type GenerationBuilder, lowerThreads, runInitHooks, type Serving } from '../project/index.js';
import type { Candidate, ReloadContext } from '../reload/index.js';
import type { ServerContext } from './server-context.js';

export interface CandidateParts {
  /** Complete; for a handover, complete except that its database is not open yet. */
  readonly generation: Generation<Serving>;
  /** The database of the current generation. */
  readonly current: GenerationDatabase;
  /** Defined exactly for a handover: where endpoints are checked before calls pause. */
  readonly preflight: PreflightDatabase | undefined;
  readonly builder: GenerationBuilder;
  readonly reload: ReloadContext;
}

/**
 * The generation that a reload builds. It shares the current database or opens one beside it, or it exchanges the database in
 * a handover, because only one of the two may have the file open.
 */
export class ServerCandidate implements Candidate<Serving> {
  readonly #context: ServerContext;
  readonly #parts: CandidateParts;
  readonly #handover: DatabaseHandover | undefined;

  constructor(context: ServerContext, parts: CandidateParts) {
    this.#context = context;
    this.#parts = parts;
    if (parts.preflight === undefined) return;
    this.#handover = new DatabaseHandover({
      old: parts.current,
      next: parts.generation.contents.database,
      lockWaitMs: context.settings.reloadHoldTimeoutMs,
      endHolder: (processId) => this.#endHolder(processId),
      onWarning: (message) => this.#warn(message),
    });
  }

  get needsHandover(): boolean {
    return this.#handover !== undefined;
  }

  check(): Promise<void> {
    return this.#parts.builder.scrubbingErrors(async () => {
      const { database, python } = this.#contents;
      const { preflight, reload } = this.#parts;
      if (preflight !== undefined) {
        await this.#handover?.assertPossible();
        await preflight.open();
        await this.#checkEndpoints(preflight);
        for (const text of preflight.plainSelects) database.plainSelects.add(text);
        // The handover needs the file closed everywhere.
        await preflight.dispose();
        return;
      }
      await database.ping();
      await this.#checkEndpoints(database);
      // Last, because hooks may have any effect: everything that can be refused has been checked before.
      if (!reload.dryRun) await runInitHooks(python, reload.signal);
    });
  }

  async prepareHandover(): Promise<void> {
    await this.#handover?.shorten();
  }

  async commit(): Promise<Generation<Serving>> {
    if (this.#handover === undefined) await this.#commitAlone();
    else await this.#commitInHandover(this.#handover);
    return this.#parts.generation;
  }

  async dispose(): Promise<void> {
    await this.#parts.preflight?.dispose();
    await this.#parts.generation.dispose();
  }

  get #contents(): Serving {
    return this.#parts.generation.contents;
  }

  async #commitAlone(): Promise<void> {
    const { database } = this.#contents;
    await this.#parts.builder.scrubbingErrors(() => database.commit());
    // A handover that failed before may have left an earlier file. Never throws: the commit is final.
    if (database.action === 'opened') for (const warning of await database.removeEarlierFiles()) this.#warn(warning);
  }

  async #commitInHandover(handover: DatabaseHandover): Promise<void> {
    try {
      await this.#parts.builder.scrubbingErrors(() => this.#exchange(handover));
    } catch (error) {
      await this.#goBack(handover, error);
      throw withServedName(toMxcpError(error), handover);
    }
    await handover.finish();
  }

  /** Everything that happens during the pause. */
  async #exchange(handover: DatabaseHandover): Promise<void> {
    const { preflight, reload } = this.#parts;
    const { payload, signal } = reload;
    const { database, python } = this.#contents;
    await handover.close();
    if (payload !== undefined) await this.#runPayload(payload);
    await handover.open(payload === undefined ? preflight?.file : undefined);
    await database.commit();
    await database.ping();
    // The payload may have changed anything in the file since the check.
    if (payload !== undefined) await this.#checkEndpoints(database);
    await runInitHooks(python, signal);
  }

  async #runPayload(payload: NonNullable<ReloadContext['payload']>): Promise<void> {
    const { signal } = this.#parts.reload;
    const limitMs = this.#context.settings.reloadDrainTimeoutMs;
    const deadline = deadlineIn(limitMs, signal);
    try {
      await payload.run(deadline);
    } catch (error) {
      if (!deadline.aborted || signal.aborted) throw error;
      throw new MxcpError(
        'payload_timeout',
        `the payload of the reload took longer than ${limitMs / 1000} s and was ended; raise \`--reload-drain-timeout\` if it needs more time`,
        { cause: error },
      );
    } finally {
      deadline.dispose();
    }
  }

  /** The current generation keeps serving, on a database that was opened again. */
  async #goBack(handover: DatabaseHandover, failure: unknown): Promise<void> {
    try {
      await handover.goBack();
      lowerThreads(this.#context.keptThreads);
    } catch (error) {
      const message = `${messageOf(failure)}. In addition, ${messageOf(error)}`;
      throw new MxcpError('database_failed', message, { cause: failure });
    }
  }

  async #endHolder(processId: number): Promise<boolean> {
    const isEnded = (await this.#parts.reload.payload?.endHolder(processId)) ?? false;
    if (isEnded)
      this.#logger.warn(
        { process: processId },
        'the payload of reload_duckdb() left the database file open, so its Python process was ended; close the connection in the payload',
      );
    return isEnded;
  }

  async #checkEndpoints(database: InspectedDatabase): Promise<void> {
    const { endpoints, python } = this.#contents;
    const failures = await checkEndpoints(endpoints.catalog, { database, python });
    if (failures.length > 0) throw this.#incompatibleEndpoints(failures);
  }

  /** Says what else may have changed under these endpoints. */
  #incompatibleEndpoints(failures: readonly EndpointFailure[]): MxcpError {
    const { database, endpoints } = this.#contents;
    const { preflight, reload } = this.#parts;
    const handover = this.#handover;
    // With a handover, the payload may have replaced the file after the check.
    const isReplaced =
      handover === undefined ? database.action === 'opened' : preflight?.isReplaced || handover.isReplaced;
    const failed = new Set(failures.map(({ path }) => path));
    const isPython = endpoints.catalog.endpoints.some(
      (endpoint) => failed.has(endpoint.path) && endpoint.kind !== 'prompt' && endpoint.source.language === 'python',
    );
    const replaced = isReplaced
      ? ` on the new database ${database.path}; restore the previous file or fix the endpoints`
      : '';
    const python =
      isPython && !reload.definitions
        ? ' (this reload read Python code again but not endpoint files; if both have changed, reload with definitions)'
        : '';
    return endpointReport(failures, `${replaced}${python}`);
  }

  get #logger() {
    return this.#context.logger.child({ component: 'reload' });
  }

  #warn(message: string): void {
    this.#logger.warn(message);
  }
}

/** After a failed handover onto a replaced file, new rows go to a file that is not at the configured path. */
function withServedName(error: MxcpError, { servedAs }: DatabaseHandover): MxcpError {
  if (servedAs === undefined) return error;
  const { code, message, problems, detail } = error;
  const where = `The previous database keeps serving as ${servedAs}; rows written from now on go there until a reload succeeds`;
  return new MxcpError(code, `${message}\n${where}`, {
    cause: error,
    problems,
    ...(detail !== undefined && { detail }),
  });
}

/** A new file may be large, or need an extension that must be downloaded. */
const PREFLIGHT_TIMEOUT_MS = 30_000;

/** Where a handover checks endpoints while the database of the candidate cannot be opened. */
export interface PreflightDatabase extends InspectedDatabase {
  /** Whether it is a different file from the current one. */
  readonly isReplaced: boolean;
  /** The file that was checked; undefined until it is open. */
  readonly file: DatabaseFile | undefined;
  readonly plainSelects: Iterable<string>;
  /** Throws the reason when the file cannot be served. */
  open(): Promise<void>;
  dispose(): Promise<void>;
}

/** For a file that stays: it is open already, so the current database answers. */
export function preflightOnCurrent(current: GenerationDatabase): PreflightDatabase {
  const { file, plainSelects } = current;
  return {
    isReplaced: false,
    file,
    plainSelects,
    inspect: (sql, samples) => current.inspect(sql, samples),
    open: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
  };
}

/** For a file that has replaced the current one: opened in a separate process when it is first needed. */
export class PreflightOnNewFile implements PreflightDatabase {
  readonly isReplaced = true;
  readonly #spec: DatabaseSpec;
  readonly #signal: AbortSignal;
  #opening: Promise<PreflightProcess> | undefined;
  #check: PreflightProcess | undefined;

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
    await this.#open();
  }

  async inspect(sql: string, samples?: Readonly<Record<string, ParameterValue>>): Promise<StatementShape> {
    return (await this.#open()).inspect(sql, samples);
  }

  async dispose(): Promise<void> {
    await this.#check?.dispose();
  }

  async #open(): Promise<PreflightProcess> {
    const timeoutMs = PREFLIGHT_TIMEOUT_MS;
    this.#opening ??= PreflightProcess.open(this.#spec, { timeoutMs, signal: this.#signal });
    this.#check = await this.#opening;
    return this.#check;
  }
}
