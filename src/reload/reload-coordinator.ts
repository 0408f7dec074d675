import { randomUUID } from 'node:crypto';
import { messageOf, MxcpError, toMxcpError } from '../errors/index.js';
import type { ActiveGeneration, Generation } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import { ReloadHistory } from './reload-history.js';
import type { ReloadRecord, ReloadTrigger } from './reload-record.js';
import {
  countQueued,
  enqueue,
  finish,
  IDLE,
  startNext,
  type PlannedRun,
  type ReloadRequest,
} from './reload-state.js';
import type { ReloadSteps } from './reload-steps.js';
import { runTransaction } from './reload-transaction.js';
import { RunLog } from './run-log.js';

export interface ReloadOptions {
  readonly trigger: ReloadTrigger;
  readonly dryRun?: boolean;
  readonly definitions?: boolean;
}

export interface AcceptedReload {
  readonly id: string;
  /** Never rejects: a failed reload is a record with status `error`. */
  readonly ended: Promise<ReloadRecord>;
}

export interface ReloadStatus {
  readonly inProgress: boolean;
  /** Whether calls still run on a generation that no longer serves. */
  readonly draining: boolean;
  readonly queued: number;
  /** The last reload that ended, dry runs left out. */
  readonly last: ReloadRecord | null;
}

/**
 * The one way to reload. One run at a time; everyone who asks meanwhile shares one following run. Lives as long as the
 * process; the server closes it.
 */
export class ReloadCoordinator<T> {
  readonly #active: ActiveGeneration<T>;
  readonly #execute: (log: RunLog) => Promise<Generation<T> | undefined>;
  readonly #logger: Logger;
  readonly #history = new ReloadHistory();
  readonly #waiters = new Map<string, (record: ReloadRecord) => void>();
  readonly #retiring = new Set<Promise<void>>();
  #state = IDLE;
  #last: ReloadRecord | null = null;
  #idle: Promise<void> = Promise.resolve();
  #closing = false;

  constructor(active: ActiveGeneration<T>, steps: ReloadSteps<unknown, unknown, T>, logger: Logger) {
    this.#active = active;
    this.#execute = (log) => runTransaction({ active, steps, logger }, log);
    this.#logger = logger;
  }

  /** Throws `server_closing` during shutdown and `server_busy` when too many requests wait already. */
  request(options: ReloadOptions): AcceptedReload {
    if (this.#closing)
      throw new MxcpError('server_closing', 'the server is shutting down; nothing is reloaded any more');
    const request: ReloadRequest = {
      id: randomUUID(),
      trigger: options.trigger,
      dryRun: options.dryRun ?? false,
      definitions: options.definitions ?? false,
      requestedAt: new Date(),
    };
    const next = enqueue(this.#state, request);
    if (next === null) {
      throw new MxcpError('server_busy', 'too many reloads are waiting; try again', { retryAfterSeconds: 1 });
    }
    this.#state = next;
    const ended = new Promise<ReloadRecord>((resolve) => this.#waiters.set(request.id, resolve));
    if (this.#state.running === null) this.#idle = this.#runAll();
    return { id: request.id, ended };
  }

  /** A request that has not started yet is known too, with status `queued`. */
  find(id: string): ReloadRecord | undefined {
    return this.#history.find(id) ?? this.#findWaiting(id);
  }

  /** Newest first; what waits comes before what runs or has ended. */
  list(limit: number): readonly ReloadRecord[] {
    const waiting = this.#state.waiting.map((run) => this.#waitingLog(run).recordFor(run.first)).reverse();
    return [...waiting, ...this.#history.list(limit)].slice(0, limit);
  }

  status(): ReloadStatus {
    return {
      inProgress: this.#state.running !== null,
      draining: this.#retiring.size > 0,
      queued: countQueued(this.#state),
      last: this.#last,
    };
  }

  /** Takes no more requests, lets the running ones end and the old generations be disposed. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#idle;
    await Promise.all(this.#retiring);
  }

  async #runAll(): Promise<void> {
    for (;;) {
      this.#state = startNext(this.#state);
      const run = this.#state.running;
      if (run === null) return;
      const log = await this.#runOne(run);
      // Before anyone hears of the end, so that whoever does finds nothing in progress.
      this.#state = finish(this.#state);
      this.#end(run, log);
    }
  }

  async #runOne(run: PlannedRun): Promise<RunLog> {
    const log = new RunLog(run, this.#active.current.number);
    this.#history.add(log);
    log.start(this.#active.current.number);
    this.#logger.info(
      { trigger: run.first.trigger, dry_run: run.first.dryRun, id: run.first.id },
      'reload started',
    );
    try {
      const previous = await this.#execute(log);
      if (previous !== undefined) await this.#retire(previous, log);
      log.succeed();
    } catch (error) {
      log.fail(error);
      this.#logBug(run, error);
    }
    return log;
  }

  /** The record of an unexpected error only says that the log has the details. */
  #logBug({ first }: PlannedRun, thrown: unknown): void {
    const { code, detail } = toMxcpError(thrown);
    if (code === 'internal') this.#logger.error({ id: first.id, detail }, 'bug in a reload');
  }

  /**
   * Drains and disposes what was replaced. With calls still running on it that goes on in the background: one slow call
   * must not keep the next reload, or whoever waits for this one, waiting.
   */
  async #retire(previous: Generation<T>, log: RunLog): Promise<void> {
    const isIdle = previous.activeLeases === 0;
    const retired = this.#drainAndDispose(previous, log).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
    if (isIdle) await retired;
  }

  async #drainAndDispose(previous: Generation<T>, log: RunLog): Promise<void> {
    try {
      await log.stage('drain', () => previous.drained());
      await log.stage('dispose', () => previous.dispose());
    } catch (error) {
      // The new generation serves; what the old one could not free is reported, not a failure of the reload.
      this.#logger.error(
        { generation: previous.number, reason: messageOf(error) },
        'old generation could not be freed',
      );
    }
  }

  #end(run: PlannedRun, log: RunLog): void {
    const record = log.recordFor(run.first);
    if (!record.dryRun) this.#last = record;
    this.#logOutcome(record);
    for (const request of [run.first, ...run.others]) {
      this.#waiters.get(request.id)?.(log.recordFor(request));
      this.#waiters.delete(request.id);
    }
  }

  #logOutcome(record: ReloadRecord): void {
    const { id, trigger, durationMs, error, generation } = record;
    if (error !== null) {
      this.#logger.error(
        { id, trigger, stage: error.stage, code: error.code },
        `reload failed: ${error.message}`,
      );
      return;
    }
    const changed = record.references
      .filter(({ outcome }) => outcome !== 'unchanged')
      .map(({ ref, outcome }) => `${ref} ${outcome}`);
    this.#logger.info(
      {
        id,
        trigger,
        generation: generation.to ?? generation.from,
        duration_ms: durationMs,
        references: changed.join(', ') || 'unchanged',
      },
      record.dryRun ? 'dry run succeeded' : 'reload succeeded',
    );
  }

  #findWaiting(id: string): ReloadRecord | undefined {
    for (const run of this.#state.waiting) {
      const request = [run.first, ...run.others].find((candidate) => candidate.id === id);
      if (request !== undefined) return this.#waitingLog(run).recordFor(request);
    }
    return undefined;
  }

  #waitingLog(run: PlannedRun): RunLog {
    return new RunLog(run, this.#active.current.number);
  }
}
