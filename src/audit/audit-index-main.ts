import { constants, setPriority } from 'node:os';
import { buildIndexes, type IndexWork } from './build-indexes.js';

/*
 * The entry of the process that writes indexes of segments. It is a process of its own, of the lowest priority, so that calls have the processor whenever
 * they need it. It does one piece of work and ends; a kill at any moment leaves no index that is not whole.
 */

setPriority(constants.priority.PRIORITY_LOW);
// Indexes have names of callers.
process.umask(0o077);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', end);
process.on('message', (message) => {
  // Sent by IndexBuilder, of the same version.
  buildIndexes(message as IndexWork)
    .then((report) => process.send?.(report, end))
    .catch(end);
});

/** Kills the process: DuckDB would delay an orderly end. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}
