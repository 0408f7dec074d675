import { randomUUID } from 'node:crypto';
import type { RestartRequired, RunRecord } from '../contract/index.js';
import { MxcpError, toMxcpError } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import type { ServerObserver } from '../telemetry/index.js';
import {
  countQueued,
  enqueue,
  finish,
  IDLE,
  isForced,
  type PlannedRun,
  type ReloadRequest,
  requestsOf,
  RunLog,
  startNext,
  withdraw,
} from './reload-runs.js';
import type { ReloadPayload, TransactionInput } from './reload-steps.js';
import { RetiredGenerations, runTransaction } from './reload-transaction.js';

export interface ReloadOptions {
  readonly trigger: RunRecord['trigger'];
  readonly dryRun?: boolean;
  readonly definitions?: boolean;
  /** Interrupt running calls instead of waiting for them. */
  readonly force?: boolean;
  /** Runs while the database is closed. Released when the request has ended, also when it is refused. */
  readonly payload?: ReloadPayload | undefined;
}

interface ReloadCoordinatorParts<T> extends Pick<TransactionInput<T>, 'active' | 'steps' | 'limits' | 'logger'> {
  /** Gets each run as its first request sees it. */
  readonly observer?: ServerObserver;
}

export interface AcceptedReload {
  readonly id: string;
  /** Never rejects: a failed reload is a record with status `error`. */
  readonly ended: Promise<RunRecord>;
}

export interface ReloadStatus {
  readonly inProgress: boolean;
  /** Whether calls still run on an earlier generation, or a handover waits for calls. */
  readonly draining: boolean;
  readonly queued: number;
  /** The last reload that ended, without dry runs. */
  readonly last: RunRecord | null;
  /** From the last reload that resolved the configuration, without dry runs. */
  readonly restartRequired: readonly RestartRequired[];
}

/** Runs that are remembered. Runs are counted, not requests, so that a flood of requests does not push them out. */
const REMEMBERED_RUNS = 50;

/**
 * The one way to reload. One run at a time; requests for the same thing that arrive during a run share the next one. Lives as long as the
 * process; the server closes it.
 */
export class ReloadCoordinator<T> {
  readonly #parts: ReloadCoordinatorParts<T>;
  readonly #logger: Logger;
  readonly #retired: RetiredGenerations<T>;
  readonly #waiters = new Map<
    string,
    { readonly ended: Promise<RunRecord>; readonly end: (record: RunRecord) => void }
  >();
  readonly #payloads = new ReloadPayloads();
  readonly #closing = new AbortController();
  #state = IDLE;
  /** Of the last runs, the running one included, newest first. */
  #logs: readonly RunLog[] = [];
  /** Of the last requests that were cancelled without their run. Apart, so that they push out no run. */
  #cancelled: readonly RunLog[] = [];
  #current: RunLog | undefined;
  /** Of the current run: aborted when the server closes or the run is cancelled. */
  #stop = new AbortController();
  /** Of the current run: aborted when it interrupts calls instead of waiting for them. */
  #forced = new AbortController();
  #last: RunRecord | null = null;
  #restartRequired: readonly RestartRequired[] = [];
  #idle: Promise<void> = Promise.resolve();

  constructor(parts: ReloadCoordinatorParts<T>) {
    this.#parts = parts;
    this.#logger = parts.logger;
    this.#retired = new RetiredGenerations(parts.limits.pauseTimeoutMs, parts.logger);
  }

  /** Throws `server_closing` during shutdown. */
  assertOpen(): void {
    this.#closing.signal.throwIfAborted();
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
    let end = (_record: RunRecord): void => {};
    const ended = new Promise<RunRecord>((resolve) => (end = resolve));
    this.#waiters.set(request.id, { ended, end });
    const queued = this.find(request.id);
    if (queued !== undefined) this.#parts.observer?.reloadChanged?.(queued, 'queued');
    if (this.#state.running === null) this.#idle = this.#runAll();
    return { id: request.id, ended };
  }

  /**
   * Takes a request back. Its run continues if other requests want it, and stops before its next stage otherwise. Resolves with the record
   * when the request has ended. Throws `reload_not_found`, and `reload_not_cancellable` from the swap on.
   */
  async cancel(id: string): Promise<RunRecord> {
    const withdrawn = withdraw(this.#state, id);
    const isTooLate = withdrawn === undefined || (withdrawn.run === 'running' && this.#current?.hasBegunSwap === true);
    if (isTooLate) throw notCancellable(this.find(id));
    const { request, run, isWanted, state } = withdrawn;
    this.#logger.info({ id }, 'a reload is cancelled');
    if (run === 'running' && !isWanted) {
      this.#stop.abort(cancelled());
      return this.#waiters.get(id)?.ended ?? this.#endAlone(request);
    }
    this.#state = state;
    if (state.running !== null && this.#current !== undefined) this.#current.run = state.running;
    return this.#endAlone(request);
  }

  /** Also finds a request that has not started yet, with status `queued`. */
  find(id: string): RunRecord | undefined {
    for (const log of this.#allLogs()) {
      const request = requestsOf(log.run).find((each) => each.id === id);
      if (request !== undefined) return log.recordFor(request);
    }
    return undefined;
  }

  /** Newest first: waiting runs come before those that run or have ended. */
  list(limit: number): readonly RunRecord[] {
    return this.#allLogs()
      .slice(0, limit)
      .map((log) => log.recordFor(log.run.first));
  }

  status(): ReloadStatus {
    const inProgress = this.#state.running !== null;
    return {
      inProgress,
      draining: this.#retired.count > 0 || this.#current?.isDraining === true,
      queued: countQueued(this.#state),
      last: this.#last,
      restartRequired: this.#restartRequired,
    };
  }

  /**
   * Accepts no more requests. The current run and the waiting ones fail with `server_closing` at their next stage, but an exchange
   * that has begun is finished. Resolves when old generations are disposed and payloads released.
   */
  async close(): Promise<void> {
    this.#closing.abort(new MxcpError('server_closing', 'the server is shutting down and accepts no more reloads'));
    this.#stop.abort(this.#closing.signal.reason);
    await this.#idle;
    await Promise.all([this.#retired.freed(), this.#payloads.released()]);
  }

  #allLogs(): readonly RunLog[] {
    const waiting = this.#state.waiting.map((run) => new RunLog(run, this.#parts.active.current.number));
    const begun = [...this.#logs, ...this.#cancelled].sort(
      ({ run: a }, { run: b }) => b.first.requestedAt.getTime() - a.first.requestedAt.getTime(),
    );
    return [...waiting.reverse(), ...begun];
  }

  /** Of a request that was cancelled without its run. */
  #endAlone(request: ReloadRequest): RunRecord {
    const log = new RunLog({ first: request, others: [] }, this.#parts.active.current.number);
    log.fail(cancelled());
    this.#cancelled = [log, ...this.#cancelled].slice(0, REMEMBERED_RUNS);
    this.#payloads.release(request.id);
    const record = log.recordFor(request);
    this.#parts.observer?.reloadChanged?.(record, 'ended');
    this.#waiters.get(request.id)?.end(record);
    this.#waiters.delete(request.id);
    return record;
  }

  #enqueue(request: ReloadRequest): void {
    this.assertOpen();
    const next = enqueue(this.#state, request);
    if (next === null) {
      throw new MxcpError('server_busy', 'too many reloads are waiting; try again', { retryAfterSeconds: 1 });
    }
    this.#state = next;
    this.#forceWhenAsked();
  }

  /** A forced reload that waits for the current run also forces that run, which may wait for the very calls to interrupt. */
  #forceWhenAsked(): void {
    const { running } = this.#state;
    if (running === null || this.#forced.signal.aborted || !isForced(this.#state)) return;
    const { trigger, id, force } = running.first;
    // Explains why calls are interrupted although this run was not forced.
    if (!force)
      this.#logger.info({ trigger, id }, 'a forced reload is queued behind this one, so calls are interrupted now');
    this.#forced.abort();
  }

  async #runAll(): Promise<void> {
    for (;;) {
      this.#state = startNext(this.#state);
      const run = this.#state.running;
      if (run === null) return;
      const log = await this.#runOne(run);
      // Before the waiters continue, so that they find no run in progress.
      this.#state = finish(this.#state);
      this.#end(log);
    }
  }

  async #runOne(run: PlannedRun): Promise<RunLog> {
    const { number } = this.#parts.active.current;
    const log = new RunLog(run, number, this.#parts.observer);
    this.#current = log;
    const stop = new AbortController();
    this.#stop = stop;
    if (this.#closing.signal.aborted) stop.abort(this.#closing.signal.reason);
    this.#logs = [log, ...this.#logs].slice(0, REMEMBERED_RUNS);
    log.start(number);
    const { trigger, dryRun, id } = run.first;
    this.#logger.info({ trigger, dry_run: dryRun, id }, 'reload started');
    this.#forced = new AbortController();
    this.#forceWhenAsked();
    const forced = this.#forced.signal;
    try {
      const previous = await runTransaction(
        {
          ...this.#parts,
          signal: stop.signal,
          forced,
          earlierFreed: () => this.#retired.freed(),
          payload: this.#payloads.find(id),
        },
        log,
      );
      // A dry run has no swap, before which any other run notices that it was cancelled.
      if (previous === undefined && isCancelled(stop.signal)) throw stop.signal.reason;
      if (previous !== undefined) await this.#retired.retire(previous, log, { force: forced.aborted });
      log.succeed();
    } catch (error) {
      // What a stage throws when it is stopped may speak of the end of the server.
      const reason: unknown = isCancelled(stop.signal) ? stop.signal.reason : error;
      log.fail(reason);
      const { code, detail } = toMxcpError(reason);
      // The record of an unexpected error only refers to the log.
      if (code === 'internal') this.#logger.error({ id, detail }, 'bug in a reload');
    }
    return log;
  }

  #end(log: RunLog): void {
    const { run } = log;
    this.#current = undefined;
    const record = log.recordFor(run.first);
    if (!record.dryRun && record.error?.code !== 'reload_cancelled') this.#remember(record);
    this.#payloads.release(run.first.id);
    logOutcome(record, this.#logger);
    this.#parts.observer?.reloadChanged?.(record, 'ended');
    for (const request of requestsOf(run)) {
      this.#waiters.get(request.id)?.end(log.recordFor(request));
      this.#waiters.delete(request.id);
    }
  }

  #remember(record: RunRecord): void {
    this.#last = record;
    const hasCompared = record.stages.some(({ name, status }) => name === 'resolve' && status === 'success');
    if (hasCompared) this.#restartRequired = record.restartRequired;
  }
}

function cancelled(): MxcpError {
  return new MxcpError('reload_cancelled', 'the reload was cancelled by a request');
}

function isCancelled({ aborted, reason }: AbortSignal): boolean {
  return aborted && toMxcpError(reason).code === 'reload_cancelled';
}

function notCancellable(record: RunRecord | undefined): MxcpError {
  if (record === undefined) return new MxcpError('reload_not_found', 'no reload with this id is remembered');
  const why = record.status === 'running' ? 'it takes effect already' : `it has ended (${record.status})`;
  return new MxcpError('reload_not_cancellable', `this reload cannot be cancelled: ${why}`);
}

function logOutcome(record: RunRecord, logger: Logger): void {
  const { id, trigger, durationMs, error, generation, dryRun } = record;
  const references = summariseReferences(record);
  if (error !== null) {
    const facts = { id, trigger, stage: error.stage, code: error.code, references };
    if (error.code === 'reload_cancelled') logger.info({ id, trigger }, 'reload cancelled');
    else logger.error(facts, `reload failed: ${error.message}`);
    return;
  }
  const facts = {
    generation: generation.to ?? generation.from,
    duration_ms: durationMs,
    references,
    restart_required: firstOf(record.restartRequired.map(({ setting }) => setting)),
    definitions_changed: firstOf(unreadDefinitions(record)),
  };
  const outcome = dryRun ? 'dry run succeeded' : 'reload succeeded';
  if (facts.definitions_changed === undefined) logger.info({ id, trigger, ...facts }, outcome);
  else
    logger.warn(
      { id, trigger, ...facts },
      `${outcome}, but changed endpoint files were not read; \`mxcp admin reload --definitions\` reads them`,
    );
}

/** What a reload found changed on disk and left as it was. */
export function unreadDefinitions({ definitions, error, definitionsChanged }: RunRecord): readonly string[] {
  return definitions && error === null ? [] : definitionsChanged;
}

const LOGGED_NAMES = 5;

/** For one line of the log; undefined for none. */
function firstOf(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const more = names.length > LOGGED_NAMES ? ` and ${names.length - LOGGED_NAMES} more` : '';
  return `${names.slice(0, LOGGED_NAMES).join(', ')}${more}`;
}

/** `vault://… changed (version 3), 4 unchanged`. Undefined when no references are known. */
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
 * Payloads of requests that have not ended, by the id of the request. They are kept apart from the requests, because records of
 * requests are remembered and must not keep payloads alive.
 */
class ReloadPayloads {
  readonly #kept = new Map<string, ReloadPayload>();
  readonly #releasing = new Set<Promise<void>>();

  keep(id: string, payload: ReloadPayload | undefined): void {
    if (payload !== undefined) this.#kept.set(id, payload);
  }

  find(id: string): ReloadPayload | undefined {
    return this.#kept.get(id);
  }

  /** Does not wait: the worker of a payload may be kept for payloads of later runs. */
  release(id: string): void {
    const released = this.#kept.get(id)?.release();
    this.#kept.delete(id);
    if (released === undefined) return;
    this.#releasing.add(released);
    void released.finally(() => this.#releasing.delete(released));
  }

  /** Resolves when everything that was only kept for released payloads is gone. */
  async released(): Promise<void> {
    await Promise.all(this.#releasing);
  }
}
