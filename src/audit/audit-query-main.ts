import { constants, setPriority } from 'node:os';
import { toMxcpError } from '../errors/index.js';
import { AuditReader } from './audit-reader.js';
import type { AuditQuestion, AuditReply } from './audit-queries.js';

/*
 * The entry of the process that answers questions about the audit log. It is a process of its own because a question may read gigabytes: it has its
 * own memory and threads, and calls of the server do not wait for either. It ends with its parent.
 */

let reader: { readonly path: string; readonly opened: Promise<AuditReader> } | undefined;

async function answer(question: AuditQuestion): Promise<AuditReply> {
  try {
    const { path, threads } = question;
    if (reader?.path !== path) reader = { path, opened: AuditReader.open(path, { threads }) };
    const opened = await reader.opened;
    const { filter, page } = question;
    return page === undefined ? { stats: await opened.stats(filter) } : { records: await opened.query(filter, page) };
  } catch (thrown) {
    const { code, message } = toMxcpError(thrown);
    return { failure: { code, message } };
  }
}

// Calls have the processor when they need it.
setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.on('disconnect', end);
process.on('message', (message) => {
  // Sent by AuditQueries, of the same version.
  answer(message as AuditQuestion)
    .then((reply) => process.send?.(reply))
    .catch(end);
});

/** Kills the process: a query that runs would delay an orderly end. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}
