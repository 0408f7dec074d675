import { MxcpError, toMxcpError } from '../errors/index.js';
import { deadlineIn, type LeaseInUse, type Pause, raceSignal } from '../lifecycle/index.js';
import type { TransactionInput } from './reload-steps.js';

interface QuietRequest<T>
  extends Pick<TransactionInput<T>, 'active' | 'limits' | 'forced' | 'signal' | 'earlierFreed'> {
  /** Runs before each pause, for work that would make it longer. */
  readonly beforePause: () => Promise<void>;
  /** Receives each pause when it begins. */
  readonly onPause: (pause: Pause<T>) => void;
}

/** How many calls an error names. */
const NAMED_CALLS = 5;

/**
 * Waits until no call runs, and returns with new calls paused; the caller releases the pause. It first waits for running calls
 * without a pause, then pauses new calls while the few that arrived in the meantime end. A pause that takes too long is released
 * and the wait begins again, so that one slow call never stalls the others. Throws `drain_timeout`, which names the calls that are
 * still running, and `server_closing`.
 */
export async function pauseWhenQuiet<T>(request: QuietRequest<T>): Promise<void> {
  const { active, limits, forced, signal } = request;
  const deadline = deadlineIn(limits.drainTimeoutMs, signal);
  const interrupt = (): void => {
    for (const lease of active.leases) lease.interrupt();
  };
  forced.addEventListener('abort', interrupt, { once: true });
  try {
    do {
      if (forced.aborted) interrupt();
      await quiet(request, deadline);
      await request.beforePause();
    } while (!(await tryPause(request, deadline)));
  } catch (error) {
    if (signal.aborted && toMxcpError(signal.reason).code !== 'server_closing') throw signal.reason;
    if (signal.aborted)
      throw new MxcpError('server_closing', 'the server was shut down before the database was handed over');
    if (error !== deadline.reason) throw error;
    throw drainTimeout(active.leases, request);
  } finally {
    forced.removeEventListener('abort', interrupt);
    deadline.dispose();
  }
}

/** False when the pause ran out of time; it is released then. Throws the reason of the deadline. */
async function tryPause<T>(request: QuietRequest<T>, deadline: AbortSignal): Promise<boolean> {
  const pause = request.active.pause();
  request.onPause(pause);
  const limit = deadlineIn(request.limits.pauseTimeoutMs, deadline);
  try {
    await quiet(request, limit);
    return true;
  } catch (error) {
    pause.release();
    if (deadline.aborted || error !== limit.reason) throw error;
    return false;
  } finally {
    limit.dispose();
  }
}

/** Throws the signal's reason. */
async function quiet<T>({ active, earlierFreed }: QuietRequest<T>, signal: AbortSignal): Promise<void> {
  await active.leasesEnded(signal);
  await raceSignal(earlierFreed(), signal);
}

function drainTimeout<T>(leases: readonly LeaseInUse[], { limits, forced }: QuietRequest<T>): MxcpError {
  const named = leases.slice(0, NAMED_CALLS).map(({ label, since }) => `${label} since ${since.toISOString()}`);
  const more = leases.length > NAMED_CALLS ? ` and ${leases.length - NAMED_CALLS} more` : '';
  const calls = `${named.join(', ')}${more}`;
  const raise = 'raise `--reload-drain-timeout`';
  let reason = `an earlier generation is still being freed; reload again later, or ${raise}`;
  if (leases.length > 0)
    reason = forced.aborted
      ? `calls that were interrupted have not ended (${calls}); reload again when they have ended, or ${raise}`
      : `calls are still running (${calls}); reload again when they have ended, ${raise}, or interrupt them with \`--force\``;
  const limit = `${limits.drainTimeoutMs / 1000} s`;
  return new MxcpError('drain_timeout', `the database could not be handed over within ${limit} because ${reason}`);
}
