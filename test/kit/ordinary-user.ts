import { spawnSync } from 'node:child_process';

/** Root without its capabilities owns the files of the test, and may do no more with them than their mode says. */
const WITHOUT_CAPABILITIES = ['setpriv', '--inh-caps=-all', '--bounding-set=-all'];

/** What begins a command that runs as a user to whom the mode of a file applies; undefined where there is no such way. */
export function ordinaryUserCommand(): readonly string[] | undefined {
  if (process.getuid?.() !== 0) return [];
  const [command = '', ...options] = WITHOUT_CAPABILITIES;
  return spawnSync(command, [...options, 'true']).status === 0 ? WITHOUT_CAPABILITIES : undefined;
}
