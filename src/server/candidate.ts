import {
  DatabaseHandover,
  type GenerationDatabase,
  type InspectedDatabase,
  type PreflightDatabase,
} from '../duckdb/index.js';
import { checkEndpoints, type EndpointFailure } from '../endpoints/index.js';
import { messageOf, MxcpError, toMxcpError } from '../errors/index.js';
import { deadlineIn, type Generation } from '../lifecycle/index.js';
import {
  endpointReport,
  type GenerationBuilder,
  lowerThreads,
  runInitHooks,
  type GenerationContents,
} from '../project/index.js';
import type { Candidate, ReloadContext } from '../reload/index.js';
import { toRefused } from './refused-definitions.js';
import type { ServerContext } from './server-context.js';

export interface CandidateParts {
  /** Complete; for a handover, complete except that its database is not open yet. */
  readonly generation: Generation<GenerationContents>;
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
export class ServerCandidate implements Candidate<GenerationContents> {
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
      endLockHolder: (processId) => this.#endLockHolder(processId),
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

  async commit(): Promise<Generation<GenerationContents>> {
    if (this.#handover === undefined) await this.#commitAlone();
    else await this.#commitInHandover(this.#handover);
    return this.#parts.generation;
  }

  async dispose(): Promise<void> {
    await this.#parts.preflight?.dispose();
    await this.#parts.generation.dispose();
  }

  get #contents(): GenerationContents {
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

  async #endLockHolder(processId: number): Promise<boolean> {
    const isEnded = (await this.#parts.reload.payload?.endLockHolder(processId)) ?? false;
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
    if (failures.length === 0) return;
    const { reload } = this.#parts;
    if (reload.definitions) reload.report({ definitionsRefused: toRefused(failures, this.#context.scrubber) });
    throw this.#incompatibleEndpoints(failures);
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
