import { randomUUID } from 'node:crypto';
import type { RestartRequired, RunRecord } from '../contract/index.js';
import { MxcpError, toMxcpError } from '../errors/index.js';
import type { ActiveGeneration, Generation } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import type { HandoverLimits } from './quiet-hold.js';
import type { ReloadPayload, ReloadSteps } from './reload-record.js';
import {
  countQueued,
  enqueue,
  finish,
  IDLE,
  isForced,
  type PlannedRun,
  type ReloadRequest,
  startNext,
} from './reload-state.js';
import { runTransaction } from './reload-transaction.js';
import { RetiredGenerations } from './retired-generations.js';
import { RunLog } from './run-log.js';

export interface ReloadOptions {
  readonly trigger: RunRecord['trigger'];
  readonly dryRun?: boolean;
  readonly definitions?: boolean;
  /** Interrupt calls that stand in the way instead of waiting for them. */
  readonly force?: boolean;
  /** Run while the database is closed. Released when the request has ended, also when it is refused. */
  readonly payload?: ReloadPayload | undefined;
}

export interface ReloadCoordinatorParts<T> {
  readonly active: ActiveGeneration<T>;
  readonly steps: ReloadSteps<unknown, unknown, T>;
  readonly limits: HandoverLimits;
  readonly logger: Logger;
}

export interface AcceptedReload {
  readonly id: string;
  /** Never rejects: a failed reload is a record with status `error`. */
  readonly ended: Promise<RunRecord>;
}

export interface ReloadStatus {
  readonly inProgress: boolean;
  /** Whether calls still run on a generation that no longer serves, or a handover waits for calls. */
  readonly draining: boolean;
  readonly queued: number;
  /** The last reload that ended, dry runs left out. */
  readonly last: RunRecord | null;
  /** As the last reload found it that came far enough to compare, dry runs left out. */
  readonly restartRequired: readonly RestartRequired[];
}

/**
 * The one way to reload. One run at a time; everyone who asks meanwhile shares one following run. Lives as long as the
 * process; the server closes it.
 */
export class ReloadCoordinator<T> {
  readonly #active: ActiveGeneration<T>;
  readonly #execute: (log: RunLog) => Promise<Generation<T> | undefined>;
  readonly #logger: Logger;
  readonly #retired: RetiredGenerations<T>;
  readonly #history = new ReloadHistory();
  readonly #waiters = new Map<string, (record: RunRecord) => void>();
  readonly #payloads = new ReloadPayloads();
  readonly #closing = new AbortController();
  #state = IDLE;
  #log: RunLog | undefined;
  /** Of the run that goes on: aborted when it interrupts calls instead of waiting for them. */
  #forced = new AbortController();
  #last: RunRecord | null = null;
  #restartRequired: readonly RestartRequired[] = [];
  #idle: Promise<void> = Promise.resolve();

  constructor({ active, steps, limits, logger }: ReloadCoordinatorParts<T>) {
    this.#active = active;
    this.#logger = logger;
    this.#retired = new RetiredGenerations({ forceWaitMs: limits.holdTimeoutMs, logger });
    const earlierFreed = (): Promise<void> => this.#retired.freed();
    const { signal } = this.#closing;
    this.#execute = (log) => {
      const payload = this.#payloads.find(log.run.first.id);
      const forced = this.#forced.signal;
      return runTransaction({ active, steps, logger, limits, signal, forced, earlierFreed, payload }, log);
    };
  }

  /** Throws `server_closing` during shutdown and `server_busy` when too many requests wait already. */
  request({ payload, ...options }: ReloadOptions): AcceptedReload {
    const request: ReloadRequest = {
      id: randomUUID(),
      trigger: options.trigger,
      dryRun: options.dryRun ?? false,
      definitions: options.definitions ?? false,
      force: options.force ?? false,
      hasPayload: payload !== undefined,
      requestedAt: new Date(),
    };
    this.#payloads.keep(request.id, payload);
    try {
      this.#enqueue(request);
    } catch (error) {
      this.#payloads.release(request.id);
      throw error;
    }
    const ended = new Promise<RunRecord>((resolve) => this.#waiters.set(request.id, resolve));
    if (this.#state.running === null) this.#idle = this.#runAll();
    return { id: request.id, ended };
  }

  /** A request that has not started yet is known too, with status `queued`. */
  find(id: string): RunRecord | undefined {
    return this.#history.find(id) ?? this.#findWaiting(id);
  }

  /** Newest first; what waits comes before what runs or has ended. */
  list(limit: number): readonly RunRecord[] {
    const waiting = this.#state.waiting.map((run) => this.#waitingLog(run).recordFor(run.first)).reverse();
    return [...waiting, ...this.#history.list(limit)].slice(0, limit);
  }

  status(): ReloadStatus {
    return {
      inProgress: this.#state.running !== null,
      draining: this.#retired.count > 0 || this.#log?.isDraining === true,
      queued: countQueued(this.#state),
      last: this.#last,
      restartRequired: this.#restartRequired,
    };
  }

  /**
   * Takes no more requests, and begins nothing more: what runs and what waits fails with `server_closing` at its next stage,
   * but an exchange that has begun comes to its end. Resolves when old generations are disposed and payloads released too.
   */
  async close(): Promise<void> {
    this.#closing.abort(
      new MxcpError('server_closing', 'the server is shutting down; nothing is reloaded any more'),
    );
    await this.#idle;
    await Promise.all([this.#retired.freed(), this.#payloads.released()]);
  }

  #enqueue(request: ReloadRequest): void {
    this.#closing.signal.throwIfAborted();
    const next = enqueue(this.#state, request);
    if (next === null) {
      throw new MxcpError('server_busy', 'too many reloads are waiting; try again', { retryAfterSeconds: 1 });
    }
    this.#state = next;
    this.#forceWhenAsked();
  }

  /** A forced reload would otherwise wait behind the very one that it is to break. */
  #forceWhenAsked(): void {
    const { running } = this.#state;
    if (running === null || this.#forced.signal.aborted || !isForced(this.#state)) return;
    if (!running.first.force) logForced(running.first, this.#logger);
    this.#forced.abort();
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
    this.#log = log;
    log.start(this.#active.current.number);
    logStart(run.first, this.#logger);
    this.#forced = new AbortController();
    this.#forceWhenAsked();
    try {
      const previous = await this.#execute(log);
      const force = this.#forced.signal.aborted;
      if (previous !== undefined) await this.#retired.retire(previous, log, { force });
      log.succeed();
    } catch (error) {
      log.fail(error);
      logBug(run.first, error, this.#logger);
    }
    return log;
  }

  #end(run: PlannedRun, log: RunLog): void {
    const record = log.recordFor(run.first);
    if (!record.dryRun) this.#remember(record);
    this.#payloads.release(run.first.id);
    logOutcome(record, this.#logger);
    for (const request of [run.first, ...run.others]) {
      this.#waiters.get(request.id)?.(log.recordFor(request));
      this.#waiters.delete(request.id);
    }
  }

  #remember(record: RunRecord): void {
    this.#last = record;
    const hasCompared = record.stages.some(({ name, status }) => name === 'resolve' && status === 'success');
    if (hasCompared) this.#restartRequired = record.restartRequired;
  }

  #findWaiting(id: string): RunRecord | undefined {
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

const REMEMBERED_RUNS = 50;

/** The last runs, newest first. Runs are counted, not requests, so that a flood of requests pushes nothing out. */
export class ReloadHistory {
  #logs: readonly RunLog[] = [];

  add(log: RunLog): void {
    this.#logs = [log, ...this.#logs].slice(0, REMEMBERED_RUNS);
  }

  list(limit: number): readonly RunRecord[] {
    return this.#logs.slice(0, limit).map((log) => log.recordFor(log.run.first));
  }

  find(id: string): RunRecord | undefined {
    for (const log of this.#logs) {
      const request = [log.run.first, ...log.run.others].find((candidate) => candidate.id === id);
      if (request !== undefined) return log.recordFor(request);
    }
    return undefined;
  }
}

export function logStart({ trigger, dryRun, id }: ReloadRequest, logger: Logger): void {
  logger.info({ trigger, dry_run: dryRun, id }, 'reload started');
}

/** Whoever finds calls interrupted by a reload that nobody has forced, finds the reason here. */
export function logForced({ trigger, id }: ReloadRequest, logger: Logger): void {
  logger.info({ trigger, id }, 'a forced reload waits for this one, which interrupts calls from now on');
}

/** The record of an unexpected error only says that the log has the details. */
export function logBug({ id }: ReloadRequest, thrown: unknown, logger: Logger): void {
  const { code, detail } = toMxcpError(thrown);
  if (code === 'internal') logger.error({ id, detail }, 'bug in a reload');
}

export function logOutcome(record: RunRecord, logger: Logger): void {
  const { id, trigger, durationMs, error, generation, dryRun } = record;
  const references = summariseReferences(record);
  if (error !== null) {
    const facts = { id, trigger, stage: error.stage, code: error.code, references };
    logger.error(facts, `reload failed: ${error.message}`);
    return;
  }
  const facts = { generation: generation.to ?? generation.from, duration_ms: durationMs, references };
  logger.info({ id, trigger, ...facts }, dryRun ? 'dry run succeeded' : 'reload succeeded');
}

/** `vault://… changed (version 3), 4 unchanged`: what is as it was is only counted. Undefined when nothing is known. */
function summariseReferences({ references }: RunRecord): string | undefined {
  if (references.length === 0) return undefined;
  const different = references.filter(({ outcome }) => outcome !== 'unchanged');
  const named = different.map(
    ({ ref, outcome, version }) => `${ref} ${outcome}${version === null ? '' : ` (version ${version})`}`,
  );
  const unchanged = references.length - different.length;
  return [...named, ...(unchanged === 0 ? [] : [`${unchanged} unchanged`])].join(', ');
}

/**
 * Payloads of requests that have not ended, by the id of the request. Apart from the requests, because records of those are
 * remembered and what a payload keeps alive must not be.
 */
export class ReloadPayloads {
  readonly #kept = new Map<string, ReloadPayload>();
  readonly #releasing = new Set<Promise<void>>();

  keep(id: string, payload: ReloadPayload | undefined): void {
    if (payload !== undefined) this.#kept.set(id, payload);
  }

  find(id: string): ReloadPayload | undefined {
    return this.#kept.get(id);
  }

  /** Waits for nothing: a worker may be kept for payloads of runs to come. */
  release(id: string): void {
    const released = this.#kept.get(id)?.release();
    this.#kept.delete(id);
    if (released === undefined) return;
    this.#releasing.add(released);
    void released.finally(() => this.#releasing.delete(released));
  }

  /** Resolves when nothing is left that was only there for payloads that are released. */
  async released(): Promise<void> {
    await Promise.all(this.#releasing);
  }
}
