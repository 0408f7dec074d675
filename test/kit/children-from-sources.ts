import { join } from 'node:path';

const REGISTER = join(import.meta.dirname, 'register-typescript.mjs');

/**
 * Lets processes that the sources fork from now on run sources too: a fork inherits `execArgv`. The built command forks
 * compiled files and needs none of this.
 */
export function runChildrenFromSources(): void {
  if (!process.execArgv.includes(REGISTER)) process.execArgv.push('--import', REGISTER);
}
