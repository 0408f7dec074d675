import { fork } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./load-process.mjs', import.meta.url));

/**
 * Keeps connections busy from another process until it is stopped. Clients are on other machines, so it takes only the
 * time of the processors that nobody else wants: the server and its queries come first, and whoever is measured.
 */
export class BackgroundLoad {
  #child;

  constructor({ target, request, clients }) {
    this.#child = fork(SCRIPT, [JSON.stringify({ target, request: request.toString('latin1'), clients })]);
    setPriority(this.#child.pid, constants.priority.PRIORITY_LOW);
  }

  /** Returns how many requests were answered and failed, and how many bytes came. */
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
