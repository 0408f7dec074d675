import type { RunRecord } from '../contract/index.js';

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
