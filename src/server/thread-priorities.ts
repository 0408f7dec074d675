import { readdirSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/** Linux lists the threads of a process here. Elsewhere the folder does not exist and priorities stay as they are. */
const OWN_THREADS = '/proc/self/task';

/**
 * Lowers the priority of every thread except `kept`: the threads of DuckDB and of libuv's pool, which run queries. The event
 * loop then answers probes even while many queries compete for few processors. Each opened database instance starts threads
 * of its own, so this runs again after each.
 */
export function lowerThreads(kept: ReadonlySet<number>): void {
  if (kept.size === 0) return;
  for (const thread of listThreads()) {
    if (kept.has(thread)) continue;
    try {
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // The thread has ended, or the system does not let a process lower itself: then all threads stay equal.
    }
  }
}

function listThreads(): readonly number[] {
  try {
    return readdirSync(OWN_THREADS).map(Number);
  } catch {
    // Not Linux.
    return [];
  }
}
