import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/** Linux lists the threads of a process here; elsewhere there is no such folder, and priorities stay as they are. */
const OWN_THREADS = '/proc/self/task';

function listThreads(): readonly number[] {
  try {
    return readdirSync(OWN_THREADS).map(Number);
  } catch {
    // Not Linux.
    return [];
  }
}

/**
 * Lets queries give way: every thread but `kept` (the workers of DuckDB and of libuv's pool) gets a lower priority, so that
 * the event loop is not one of twenty threads that want two processors. A probe is then answered while queries fill the
 * pool; the queries themselves only wait for each other. Threads that end meanwhile are passed over.
 */
export function lowerThreads(kept: ReadonlySet<number>): void {
  if (kept.size === 0) return;
  for (const thread of listThreads()) {
    if (kept.has(thread)) continue;
    try {
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // The thread has ended, or this system does not let a process lower itself: then all stay equal, as before.
    }
  }
}
