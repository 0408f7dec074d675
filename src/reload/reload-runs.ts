import type { ReloadFailure, ReloadStage, RunRecord } from '../contract/index.js';
import { type MxcpError, toMxcpError } from '../errors/index.js';
import type { ServerObserver } from '../telemetry/index.js';
import type { ReloadFindings } from './reload-steps.js';

export interface ReloadRequest {
  readonly id: string;
  readonly trigger: RunRecord['trigger'];
  readonly dryRun: boolean;
  readonly definitions: boolean;
  /** Interrupt running calls instead of waiting for them. */
  readonly force: boolean;
  /** Whether work is to run while the database is closed. */
  readonly hasPayload: boolean;
  readonly requestedAt: Date;
}

/** One execution of the transaction and the requests it answers. */
export interface PlannedRun {
  readonly first: ReloadRequest;
  readonly others: readonly ReloadRequest[];
}

/** The current run and the waiting ones. Immutable: every function here returns a new state. */
export interface ReloadState {
  readonly running: PlannedRun | null;
  readonly waiting: readonly PlannedRun[];
}

export const IDLE: ReloadState = { running: null, waiting: [] };

/** Bound the memory that a flood of requests can use. */
const MAX_WAITING_ALONE = 20;
const MAX_REQUESTS_PER_RUN = 1_000;

/**
 * Adds a request: to a waiting run that does the same, otherwise as a new run. It never joins a run that has started, because that
 * may have read its files before the change that this request is about. Null when too many requests wait already; runs that are
 * not shared have a limit of their own, so that they never displace shared ones.
 */
export function enqueue(state: ReloadState, request: ReloadRequest): ReloadState | null {
  const joined = state.waiting.findIndex((run) => canShare(run.first, request));
  if (joined === -1) {
    const alone = state.waiting.filter(({ first }) => isAlone(first)).length;
    if (isAlone(request) && alone >= MAX_WAITING_ALONE) return null;
    return { ...state, waiting: [...state.waiting, { first: request, others: [] }] };
  }
  const run = state.waiting[joined];
  if (run === undefined || run.others.length + 1 >= MAX_REQUESTS_PER_RUN) return null;
  return { ...state, waiting: state.waiting.with(joined, { ...run, others: [...run.others, request] }) };
}

/** Starts the first waiting run. Unchanged while one runs or none waits. */
export function startNext(state: ReloadState): ReloadState {
  const [next, ...rest] = state.waiting;
  if (state.running !== null || next === undefined) return state;
  return { running: next, waiting: rest };
}

export function finish(state: ReloadState): ReloadState {
  return { ...state, running: null };
}

export interface Withdrawal {
  readonly request: ReloadRequest;
  readonly state: ReloadState;
  /** Of the run that was to answer it. */
  readonly run: 'waiting' | 'running';
  /** Whether other requests still want that run. A running one that no request wants is not changed here: it has to be stopped. */
  readonly isWanted: boolean;
}

/** Takes a request back. Undefined when no waiting or running run answers it. */
export function withdraw(state: ReloadState, id: string): Withdrawal | undefined {
  const { running, waiting } = state;
  const runs = running === null ? waiting : [running, ...waiting];
  const run = runs.find((each) => requestsOf(each).some((request) => request.id === id));
  const request = run === undefined ? undefined : requestsOf(run).find((each) => each.id === id);
  if (run === undefined || request === undefined) return undefined;
  const [first, ...others] = requestsOf(run).filter((each) => each !== request);
  const isWanted = first !== undefined;
  if (run === running) {
    return { request, run: 'running', isWanted, state: isWanted ? { ...state, running: { first, others } } : state };
  }
  const left = waiting.flatMap((each) => (each !== run ? [each] : isWanted ? [{ first, others }] : []));
  return { request, run: 'waiting', isWanted, state: { ...state, waiting: left } };
}

/** Whether the current run interrupts calls: it or a waiting run is forced. A dry run is short and interrupts no calls. */
export function isForced({ running, waiting }: ReloadState): boolean {
  if (running === null || running.first.dryRun) return false;
  return [running, ...waiting].some(({ first }) => first.force);
}

/** How many requests wait for a run that has not started. */
export function countQueued(state: ReloadState): number {
  return state.waiting.reduce((count, run) => count + 1 + run.others.length, 0);
}

/** All requests that a run answers, in order of arrival. */
export function requestsOf({ first, others }: PlannedRun): readonly ReloadRequest[] {
  return [first, ...others];
}

function canShare(a: ReloadRequest, b: ReloadRequest): boolean {
  return !isAlone(a) && !isAlone(b) && a.definitions === b.definitions;
}

/** Whether a run does something that only its own request has asked for. */
function isAlone({ dryRun, force, hasPayload }: ReloadRequest): boolean {
  return dryRun || force || hasPayload;
}

const STAGES: readonly ReloadStage['name'][] = ['load', 'resolve', 'build', 'check', 'swap', 'drain', 'dispose'];

type RunFacts = Omit<RunRecord, 'id' | 'trigger' | 'requestedAt' | 'sharedWith' | 'dryRun' | 'definitions'>;

/** Everything that happened in one run; makes the record of each request that the run answers. */
export class RunLog {
  /** Changes when one of several requests is withdrawn. */
  run: PlannedRun;
  readonly #observer: ServerObserver;
  #facts: RunFacts;

  constructor(run: PlannedRun, fromGeneration: number, observer: ServerObserver = {}) {
    this.run = run;
    this.#observer = observer;
    this.#facts = {
      status: 'queued',
      startedAt: null,
      endedAt: null,
      durationMs: null,
      generation: { from: fromGeneration, to: null },
      stages: STAGES.map((name) => ({ name, status: 'pending', durationMs: null })),
      references: [],
      database: null,
      requestsDraining: 0,
      restartRequired: [],
      definitionsChanged: [],
      definitionsRefused: [],
      error: null,
    };
  }

  start(fromGeneration: number): void {
    this.#update({ status: 'running', startedAt: new Date(), generation: { from: fromGeneration, to: null } });
    this.#observer.reloadChanged?.(this.recordFor(this.run.first), 'started');
  }

  report(findings: ReloadFindings): void {
    this.#update(findings);
  }

  /** In a handover, drain comes before swap: calls on the old generation end before the new one is complete. */
  expectHandover(): void {
    const drain = this.#facts.stages.filter(({ name }) => name === 'drain');
    const rest = this.#facts.stages.filter(({ name }) => name !== 'drain');
    this.#update({ stages: rest.flatMap((stage) => (stage.name === 'swap' ? [...drain, stage] : [stage])) });
  }

  /** Whether it waits for running calls. */
  get isDraining(): boolean {
    return this.#facts.stages.some(({ name, status }) => name === 'drain' && status === 'running');
  }

  /** In a handover everything is drained before the swap. */
  get hasDrained(): boolean {
    return this.#facts.stages.some(({ name, status }) => name === 'drain' && status === 'success');
  }

  /** From then on it cannot be cancelled. */
  get hasBegunSwap(): boolean {
    return this.#facts.stages.some(({ name, status }) => name === 'swap' && status !== 'pending');
  }

  /** Runs a stage and records its outcome and duration. */
  async stage<R>(name: ReloadStage['name'], work: () => Promise<R>): Promise<R> {
    const startedAt = performance.now();
    const set = (status: ReloadStage['status']): void => {
      const durationMs = status === 'running' ? null : Math.round(performance.now() - startedAt);
      this.#setStage({ name, status, durationMs });
    };
    set('running');
    try {
      const result = await work();
      set('success');
      return result;
    } catch (error) {
      set('error');
      throw error;
    }
  }

  swapped(toGeneration: number, requestsDraining: number): void {
    this.#update({ generation: { ...this.#facts.generation, to: toGeneration }, requestsDraining });
  }

  succeed(): void {
    this.#end('success', null);
  }

  fail(thrown: unknown): void {
    this.#end('error', this.#toFailure(toMxcpError(thrown)));
  }

  /** The record for this request. Drain and dispose may still change after the run has ended. */
  recordFor(request: ReloadRequest): RunRecord {
    return {
      id: request.id,
      trigger: request.trigger,
      dryRun: request.dryRun,
      definitions: request.definitions,
      requestedAt: request.requestedAt,
      sharedWith: requestsOf(this.run)
        .filter((other) => other !== request)
        .map((other) => other.id),
      ...this.#facts,
    };
  }

  #end(status: 'success' | 'error', error: ReloadFailure | null): void {
    const endedAt = new Date();
    const startedAt = this.#facts.startedAt ?? endedAt;
    const stages = this.#facts.stages.map((stage) =>
      stage.status === 'pending' && (status === 'error' || this.run.first.dryRun)
        ? { ...stage, status: 'skipped' as const }
        : stage,
    );
    this.#update({ status, endedAt, durationMs: endedAt.getTime() - startedAt.getTime(), stages, error });
  }

  #toFailure(error: MxcpError): ReloadFailure {
    const position = error.problems[0];
    return {
      code: error.code,
      message: error.message,
      stage: this.#facts.stages.find((stage) => stage.status === 'error')?.name ?? 'load',
      file: position?.file ?? null,
      line: position?.line ?? null,
      column: position?.column ?? null,
    };
  }

  #setStage(next: ReloadStage): void {
    this.#update({ stages: this.#facts.stages.map((stage) => (stage.name === next.name ? next : stage)) });
    this.#observer.reloadChanged?.(this.recordFor(this.run.first), 'stage', next);
  }

  #update(change: Partial<RunFacts>): void {
    this.#facts = { ...this.#facts, ...change };
  }
}
