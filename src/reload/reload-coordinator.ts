import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { messageOf, MxcpError, toMxcpError } from '../errors/index.js';
import type { ActiveGeneration, Generation } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import { assertOpen } from './assert-open.js';
import { ReloadHistory } from './reload-history.js';
import type { ReloadRecord, ReloadTrigger, RestartRequired } from './reload-record.js';
import {
  countQueued,
  enqueue,
  finish,
  IDLE,
  startNext,
  type PlannedRun,
  type ReloadRequest,
} from './reload-state.js';
import type { HandoverLimits } from './quiet-hold.js';
import type { ReloadPayload, ReloadSteps } from './reload-steps.js';
import { runTransaction } from './reload-transaction.js';
import { RunLog } from './run-log.js';

export interface ReloadOptions {
  readonly trigger: ReloadTrigger;
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
  readonly ended: Promise<ReloadRecord>;
}

export interface ReloadStatus {
  readonly inProgress: boolean;
  /** Whether calls still run on a generation that no longer serves, or a handover waits for calls. */
  readonly draining: boolean;
  readonly queued: number;
  /** The last reload that ended, dry runs left out. */
  readonly last: ReloadRecord | null;
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
  readonly #limits: HandoverLimits;
  readonly #history = new ReloadHistory();
  readonly #waiters = new Map<string, (record: ReloadRecord) => void>();
  /** By the id of the request. Apart from it, because records are remembered and what a payload keeps alive must not be. */
  readonly #payloads = new Map<string, ReloadPayload>();
  readonly #retiring = new Set<Promise<void>>();
  readonly #releasing = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  #state = IDLE;
  #log: RunLog | undefined;
  #last: ReloadRecord | null = null;
  #restartRequired: readonly RestartRequired[] = [];
  #idle: Promise<void> = Promise.resolve();

  constructor({ active, steps, limits, logger }: ReloadCoordinatorParts<T>) {
    this.#active = active;
    this.#limits = limits;
    this.#logger = logger;
    const earlierFreed = async (): Promise<void> => void (await Promise.all(this.#retiring));
    const { signal } = this.#closing;
    this.#execute = (log) => {
      const payload = this.#payloads.get(log.run.first.id);
      return runTransaction({ active, steps, logger, limits, signal, earlierFreed, payload }, log);
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
    try {
      this.#enqueue(request);
    } catch (error) {
      this.#release(payload);
      throw error;
    }
    if (payload !== undefined) this.#payloads.set(request.id, payload);
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
      draining: this.#retiring.size > 0 || this.#log?.isDraining === true,
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
    this.#closing.abort();
    await this.#idle;
    await Promise.all([...this.#retiring, ...this.#releasing]);
  }

  #enqueue(request: ReloadRequest): void {
    assertOpen(this.#closing.signal);
    const next = enqueue(this.#state, request);
    if (next === null) {
      throw new MxcpError('server_busy', 'too many reloads are waiting; try again', { retryAfterSeconds: 1 });
    }
    this.#state = next;
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
   * must not keep the next reload, or whoever waits for this one, waiting. By force they are interrupted, and then it does
   * not take long.
   */
  async #retire(previous: Generation<T>, log: RunLog): Promise<void> {
    const isIdle = previous.activeLeases === 0;
    if (log.run.first.force) for (const lease of previous.leases) lease.interrupt();
    const retired = this.#drainAndDispose(previous, log).finally(() => this.#retiring.delete(retired));
    this.#retiring.add(retired);
    if (isIdle) await retired;
    else if (log.run.first.force)
      await Promise.race([retired, delay(this.#limits.holdTimeoutMs, undefined, { ref: false })]);
  }

  async #drainAndDispose(previous: Generation<T>, log: RunLog): Promise<void> {
    try {
      if (!log.hasDrained) await log.stage('drain', () => previous.leasesEnded());
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
    if (!record.dryRun) this.#remember(record);
    this.#release(this.#payloads.get(run.first.id));
    this.#payloads.delete(run.first.id);
    this.#logOutcome(record);
    for (const request of [run.first, ...run.others]) {
      this.#waiters.get(request.id)?.(log.recordFor(request));
      this.#waiters.delete(request.id);
    }
  }

  /** Only the end of the coordinator waits for it: a worker may be kept for payloads of runs to come. */
  #release(payload: ReloadPayload | undefined): void {
    if (payload === undefined) return;
    const released = payload.release().finally(() => this.#releasing.delete(released));
    this.#releasing.add(released);
  }

  #remember(record: ReloadRecord): void {
    this.#last = record;
    const hasCompared = record.stages.some(({ name, status }) => name === 'resolve' && status === 'success');
    if (hasCompared) this.#restartRequired = record.restartRequired;
  }

  #logOutcome(record: ReloadRecord): void {
    const { id, trigger, durationMs, error, generation } = record;
    const references = summariseReferences(record);
    if (error !== null) {
      this.#logger.error(
        { id, trigger, stage: error.stage, code: error.code, references },
        `reload failed: ${error.message}`,
      );
      return;
    }
    this.#logger.info(
      {
        id,
        trigger,
        generation: generation.to ?? generation.from,
        duration_ms: durationMs,
        references,
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

/** `vault://… changed (version 3), 4 unchanged`: what is as it was is only counted. Undefined when nothing is known. */
function summariseReferences({ references }: ReloadRecord): string | undefined {
  if (references.length === 0) return undefined;
  const different = references.filter(({ outcome }) => outcome !== 'unchanged');
  const named = different.map(
    ({ ref, outcome, version }) => `${ref} ${outcome}${version === null ? '' : ` (version ${version})`}`,
  );
  const unchanged = references.length - different.length;
  return [...named, ...(unchanged === 0 ? [] : [`${unchanged} unchanged`])].join(', ');
}
