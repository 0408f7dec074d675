import { toMxcpError } from '../../errors/index.js';
import { DatabaseRegistry } from '../database/database-registry.js';
import { GenerationDatabase } from '../database/generation-database.js';
import { fromChannel, type PreflightAnswer, type PreflightRequest, toChannel } from './preflight-messages.js';

/*
 * The entry of the preflight process, which opens a file to find out whether it can be served. It is a separate process
 * because a broken file may end it, and because opening and closing the file here does not touch the locks of the server. It
 * ends with its parent.
 */

const registry = new DatabaseRegistry();
let opened: Promise<GenerationDatabase> | undefined;

async function answer(request: PreflightRequest): Promise<Omit<PreflightAnswer, 'id'>> {
  try {
    if ('spec' in request) {
      opened = GenerationDatabase.build(registry, request.spec);
      await opened;
      return {};
    }
    if (opened === undefined) throw new Error('asked to inspect before a file was opened');
    const database = await opened;
    const shape = await database.inspect(request.sql, request.samples, request.access);
    return { shape: { ...shape, isPlainSelect: database.plainSelects.has(request.sql) } };
  } catch (thrown) {
    const { code, message, problems } = toMxcpError(thrown);
    return { failure: { code, message, problems } };
  }
}

process.on('message', (message) => {
  // Sent by PreflightOnNewFile, of the same version.
  const { id, request } = fromChannel(message) as { id: number; request: PreflightRequest };
  answer(request)
    .then((reply) => process.send?.(toChannel({ id, ...reply })))
    .catch(end);
});
process.on('disconnect', end);

/** Kills the process: a statement that hangs would delay an orderly end. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}
