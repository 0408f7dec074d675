import type { AdminClient } from '../../../admin/client/index.js';
import type { EndedSessions, Session, SessionList } from '../../../contract/index.js';
import { MxcpError, plural, visible } from '../../../errors/index.js';
import type { Options } from '../../command/command.js';
import type { Output } from '../../terminal/output.js';
import { printTable } from '../../terminal/tables.js';
import { adminCommand, readLimit } from './admin-command.js';

/** `mxcp admin sessions`, `mxcp admin sessions end <id>`, and `mxcp admin sessions end` with `--user` or `--all`. */
export const sessions = adminCommand({
  ask: async (client, { args: [action, id], options }): Promise<SessionList | EndedSessions | Session> => {
    if (action === 'end') return end(client, id, options);
    if (options['all'] === true) throw new MxcpError('usage', '`--all` belongs to `mxcp admin sessions end`');
    return list(client, options);
  },
  print: (answer, output) => {
    if ('sessions' in answer) return printList(output, answer);
    if ('ended' in answer) return output.print(`${plural(answer.ended, 'session')} ended`);
    output.print(visible(`the session of ${answer.username ?? answer.user_id} for ${nameOf(answer)} has ended`));
  },
});

function list(client: AdminClient, options: Options): Promise<SessionList> {
  const { user } = options;
  const limit = readLimit(options);
  return client.sessions({ ...(typeof user === 'string' && { user }), ...(limit !== undefined && { limit }) });
}

function end(client: AdminClient, id: string | undefined, { user, all }: Options): Promise<EndedSessions | Session> {
  const given = [id, user, all].filter((each) => each !== undefined);
  if (given.length !== 1)
    throw new MxcpError('usage', 'say what to end, in one way: the id of a session, `--user <name>`, or `--all`');
  if (id !== undefined) return client.endSession(id);
  return client.endSessions(typeof user === 'string' ? { user } : { all: true });
}

function printList(output: Output, { sessions: found, count }: SessionList): void {
  if (count === 0) return output.print('no person is signed in');
  const rows = found.map((each) => [
    each.id,
    each.username ?? each.user_id,
    nameOf(each),
    each.scopes.join(' '),
    each.signed_in_at,
    each.used_at,
  ]);
  printTable(output, ['ID', 'USER', 'CLIENT', 'SCOPES', 'SIGNED IN', 'LAST USED'], rows);
  if (count > found.length) output.print(`${count - found.length} more; \`--limit\` shows more of them`);
}

function nameOf({ client_name: name, client_id: id }: Session): string {
  return name === null || name === '' ? id : name;
}
