import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ECHO = fileURLToPath(new URL('../baselines/bare-pipe.py', import.meta.url));

/** A Python process that echoes its input. Its creator stops it. */
export class BarePipe {
  #child = spawn('python3', [ECHO], { stdio: ['pipe', 'pipe', 'inherit'] });
  #waiting = new Map();
  #lastId = 0;

  constructor() {
    createInterface(this.#child.stdout).on('line', (line) => {
      const { id, value } = JSON.parse(line);
      this.#waiting.get(id)(value);
      this.#waiting.delete(id);
    });
  }

  call(value) {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin.write(`${JSON.stringify({ id, value })}\n`);
    });
  }

  async stop() {
    this.#child.stdin.end();
    await once(this.#child, 'exit');
  }
}
