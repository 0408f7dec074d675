import { readFile } from 'node:fs/promises';
import { MxcpError } from '../../errors/index.js';

const MAX_GID = 2 ** 32 - 2;

/** The number of a group given by name or number. Throws `socket_permission` when there is none of that name. */
export async function resolveGroupId(group: string, groupFile = '/etc/group'): Promise<number> {
  if (/^\d+$/.test(group)) {
    const gid = Number(group);
    if (gid <= MAX_GID) return gid;
    throw unknownGroup(group, groupFile);
  }
  const lines = (await readFile(groupFile, 'utf8')).split('\n');
  for (const line of lines) {
    const [name, , gid] = line.split(':');
    if (name === group && gid !== undefined && /^\d+$/.test(gid)) return Number(gid);
  }
  throw unknownGroup(group, groupFile);
}

function unknownGroup(group: string, groupFile: string): MxcpError {
  return new MxcpError(
    'socket_permission',
    `there is no group "${group}" in ${groupFile} for the admin socket; give an existing name, or a number when the group comes from a directory service`,
  );
}
