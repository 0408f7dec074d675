import { MxcpError } from '../errors/index.js';
import {
  type ActiveGeneration,
  deadlineIn,
  type Hold,
  type LeaseInUse,
  raceSignal,
} from '../lifecycle/index.js';

export interface HandoverLimits {
  /** How long new calls are held at a time while earlier ones end. */
  readonly holdTimeoutMs: number;
  /** How long calls may stand in the way altogether. */
  readonly drainTimeoutMs: number;
}

export interface QuietRequest<T> {
  readonly active: ActiveGeneration<T>;
  readonly limits: HandoverLimits;
  /** From its abort on, calls that run are interrupted instead of waited for. */
  readonly forced: AbortSignal;
  /** Aborted when the server closes. */
  readonly signal: AbortSignal;
  /** Resolves when the generations that were replaced before are freed. */
  readonly earlierFreed: () => Promise<void>;
  /** Done while nobody is held yet, for what would make them wait longer. */
  readonly beforeHold: () => Promise<void>;
  /** Told of each hold when it begins. */
  readonly onHold: (hold: Hold<T>) => void;
}

/** How many calls an error names. */
const NAMED_CALLS = 5;

/**
 * Waits until nothing runs, and keeps it so: returns the hold, which the caller releases. Most of the waiting is done while
 * nobody is held, for the calls that run already; then new calls are held while the few that came meanwhile end. A hold
 * that takes too long is released, and it all begins again, so that one slow call never stalls the others. Throws
 * `drain_timeout` naming the calls that stood in the way, `server_closing`.
 */
export async function holdWhenQuiet<T>(request: QuietRequest<T>): Promise<Hold<T>> {
  const { active, limits, forced, signal } = request;
  const deadline = deadlineIn(limits.drainTimeoutMs, signal);
  const interrupt = (): void => interruptAll(active.leases);
  forced.addEventListener('abort', interrupt, { once: true });
  try {
    for (;;) {
      if (forced.aborted) interrupt();
      await quiet(request, deadline);
      await request.beforeHold();
      const hold = await tryHold(request, deadline);
      if (hold !== undefined) return hold;
    }
  } catch (error) {
    if (signal.aborted)
      throw new MxcpError('server_closing', 'the server was shut down before the database was handed over');
    if (error !== deadline.reason) throw error;
    throw drainTimeout(active.leases, request);
  } finally {
    forced.removeEventListener('abort', interrupt);
    deadline.dispose();
  }
}

/** Undefined when the hold ran out; it is released then. Throws the reason of the deadline. */
async function tryHold<T>(request: QuietRequest<T>, deadline: AbortSignal): Promise<Hold<T> | undefined> {
  const hold = request.active.hold();
  request.onHold(hold);
  const ranOut = deadlineIn(request.limits.holdTimeoutMs, deadline);
  try {
    await quiet(request, ranOut);
    return hold;
  } catch (error) {
    hold.release();
    if (deadline.aborted || error !== ranOut.reason) throw error;
    return undefined;
  } finally {
    ranOut.dispose();
  }
}

/** Throws the signal's reason. */
async function quiet<T>({ active, earlierFreed }: QuietRequest<T>, signal: AbortSignal): Promise<void> {
  await active.leasesEnded(signal);
  await raceSignal(earlierFreed(), signal);
}

function interruptAll(leases: readonly LeaseInUse[]): void {
  for (const lease of leases) lease.interrupt();
}

function drainTimeout<T>(leases: readonly LeaseInUse[], { limits, forced }: QuietRequest<T>): MxcpError {
  const named = leases
    .slice(0, NAMED_CALLS)
    .map(({ label, since }) => `${label} since ${since.toISOString()}`);
  const more = leases.length > NAMED_CALLS ? ` and ${leases.length - NAMED_CALLS} more` : '';
  const calls = `${named.join(', ')}${more}`;
  const failure = `the database could not be handed over within ${limits.drainTimeoutMs / 1000} s because`;
  if (named.length === 0) {
    const message = `${failure} an earlier generation is still being freed; reload again later, or raise --reload-drain-timeout`;
    return new MxcpError('drain_timeout', message);
  }
  const message = forced.aborted
    ? `${failure} of calls that were interrupted and have not ended (${calls}); reload again when they have ended, or raise --reload-drain-timeout`
    : `${failure} of calls that still run (${calls}); reload again when they have ended, raise --reload-drain-timeout, or interrupt them with --force`;
  return new MxcpError('drain_timeout', message);
}
