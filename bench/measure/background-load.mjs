import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./load-process.mjs', import.meta.url));

/**
 * Keeps connections busy from another process until it is stopped. Real clients run on other machines, so this process has
 * the lowest priority and does not take processor time from the server, its queries or the measuring process.
 */
export class BackgroundLoad {
  #child;

  constructor({ target, request, clients }) {
    this.#child = fork(SCRIPT, [JSON.stringify({ target, request: request.toString('latin1'), clients })]);
    setPriority(this.#child.pid, constants.priority.PRIORITY_LOW);
  }

  /** Returns the numbers of answered requests, failed requests and received bytes. */
  async stop() {
    this.#child.send('stop');
    const [counts] = await Promise.race([once(this.#child, 'message'), ended(this.#child)]);
    return counts;
  }
}

async function ended(child) {
  const [code] = await once(child, 'exit');
  throw new Error(`the background load ended by itself with ${code}`);
}
