import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Packages of a folder with a lock file of its own go here: `npm ci` of the repository empties it, and nothing looks for sources there. */
const CACHE = join(import.meta.dirname, '../../node_modules/.cache');

/** Installs what the lock file of a folder says, unless that is there. Returns where: a folder with `node_modules`. */
export function installLocked(folder: string, name: string): string {
  const installed = join(CACHE, name);
  // npm writes this file at the end.
  const isThere = existsSync(join(installed, 'node_modules/.package-lock.json'));
  if (isThere && readLock(folder) === readLock(installed)) return installed;
  cpSync(folder, installed, { recursive: true });
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', installed];
  execFileSync('npm', options, { stdio: ['ignore', 'ignore', 'inherit'] });
  return installed;
}

/** The path of a Node.js of at least this version: the running one, or else one in the cache of npm. */
export function nodeFrom(major: number): string {
  if (Number.parseInt(process.versions.node, 10) >= major) return process.execPath;
  return execFileSync('npx', ['-y', `node@${major}`, '-p', 'process.execPath'], { encoding: 'utf8' }).trim();
}

function readLock(folder: string): string {
  return readFileSync(join(folder, 'package-lock.json'), 'utf8');
}
