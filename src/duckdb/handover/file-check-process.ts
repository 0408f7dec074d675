import { toMxcpError } from '../../errors/index.js';
import { DatabaseRegistry } from '../database/database-registry.js';
import { GenerationDatabase } from '../database/generation-database.js';
import { type CheckAnswer, type CheckRequest, fromChannel, toChannel } from './check-messages.js';

/*
 * The entry of the process that opens a file to see whether it can be served. A process of its own, because a broken file
 * may end it, and because what it opens and closes must not touch the locks of the server. Asked over its channel, and gone
 * with whoever asks.
 */

const registry = new DatabaseRegistry();
let opened: Promise<GenerationDatabase> | undefined;

async function answer(request: CheckRequest): Promise<CheckAnswer> {
  const { id } = request;
  try {
    if (request.kind === 'open') {
      opened = GenerationDatabase.build(registry, request.spec);
      await opened;
      return { kind: 'opened', id };
    }
    if (opened === undefined) throw new Error('asked before a file was named');
    const database = await opened;
    const { parameterNames } = await database.inspect(request.sql, request.samples);
    return { kind: 'inspected', id, parameterNames, isPlainSelect: database.plainSelects.has(request.sql) };
  } catch (thrown) {
    const { code, message, problems } = toMxcpError(thrown);
    return { kind: 'failed', id, code, message, problems };
  }
}

process.on('message', (message) => {
  // Sent by FileCheck, of the same version.
  const request = fromChannel(message) as CheckRequest;
  answer(request)
    .then((reply) => process.send?.(toChannel(reply)))
    .catch(end);
});
process.on('disconnect', end);

/** At once: a statement that hangs would keep an orderly end waiting. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}
