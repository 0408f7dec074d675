import type { RunRecord } from '../contract/index.js';

export interface ReloadRequest {
  readonly id: string;
  readonly trigger: RunRecord['trigger'];
  readonly dryRun: boolean;
  readonly definitions: boolean;
  /** Interrupt calls that stand in the way. */
  readonly force: boolean;
  /** Something is to be done while the database is closed. */
  readonly hasPayload: boolean;
  readonly requestedAt: Date;
}

/** One execution of the transaction and everyone it answers. Never empty. */
export interface PlannedRun {
  readonly first: ReloadRequest;
  readonly others: readonly ReloadRequest[];
}

/** What runs and what waits. Pure: every function here returns a new state. */
export interface ReloadState {
  readonly running: PlannedRun | null;
  readonly waiting: readonly PlannedRun[];
}

export const IDLE: ReloadState = { running: null, waiting: [] };

/** Bounds on what a flood of requests can make the server remember. */
const MAX_WAITING_ALONE = 20;
const MAX_REQUESTS_PER_RUN = 1_000;

/**
 * Adds a request: to a run that waits and does the same, else as a new run. A run that has started is never joined,
 * because it may have read its files before the change that this request is about. Null when too much waits already; runs
 * that share with nobody never take the place of those that do.
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

/** Moves the first waiting run to running. Unchanged while one runs or none waits. */
export function startNext(state: ReloadState): ReloadState {
  const [next, ...rest] = state.waiting;
  if (state.running !== null || next === undefined) return state;
  return { running: next, waiting: rest };
}

export function finish(state: ReloadState): ReloadState {
  return { ...state, running: null };
}

/**
 * Whether the run that goes on interrupts calls: it was asked to, or one that was asked to waits for its end. A dry run stands
 * in nobody's way for long, and interrupts nobody.
 */
export function isForced({ running, waiting }: ReloadState): boolean {
  if (running === null || running.first.dryRun) return false;
  return [running, ...waiting].some(({ first }) => first.force);
}

/** How many requests wait for a run that has not started. */
export function countQueued(state: ReloadState): number {
  return state.waiting.reduce((count, run) => count + 1 + run.others.length, 0);
}

function canShare(a: ReloadRequest, b: ReloadRequest): boolean {
  return !isAlone(a) && !isAlone(b) && a.definitions === b.definitions;
}

/** Whether a run does what nobody else has asked for. */
function isAlone({ dryRun, force, hasPayload }: ReloadRequest): boolean {
  return dryRun || force || hasPayload;
}
