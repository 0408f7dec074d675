import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { measureTree } from './process-tree.mjs';

/** Short compared with the measured times, and long enough that asking does not keep a core busy. */
const ASK_EVERY_MS = 2;
const READY_WITHIN_MS = 120_000;

/** The MXCP variables of the user must not change the measurement. Reloads come as fast as they can. */
export function cleanEnvironment() {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MXCP_'));
  return { ...Object.fromEntries(inherited), MXCP_RELOAD_RATE_LIMIT: '0' };
}

/** A measured process. Its creator stops it. */
export class MeasuredProcess {
  #child;
  #output = '';
  #ended;

  constructor(argv, { cwd, env = {} } = {}) {
    this.startedAt = performance.now();
    this.#child = spawn(process.execPath, argv, {
      cwd,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk) => (this.#output = (this.#output + chunk).slice(-10_000)));
    }
    this.#ended = once(this.#child, 'close');
  }

  get pid() {
    return this.#child.pid;
  }

  /** The last part of its output. */
  get output() {
    return this.#output;
  }

  tree() {
    return measureTree(this.pid);
  }

  /** Calls the function repeatedly until it returns true. Returns milliseconds since the start of the process. */
  async until(isTrue) {
    while (!(await isTrue())) {
      if (this.#child.exitCode !== null) throw new Error(`the process ended early\n${this.#output}`);
      if (performance.now() - this.startedAt > READY_WITHIN_MS) throw new Error('not ready in time');
      await delay(ASK_EVERY_MS);
    }
    return performance.now() - this.startedAt;
  }

  /** Returns milliseconds since the start of the process. */
  async end() {
    await this.#ended;
    return performance.now() - this.startedAt;
  }

  async stop(signal = 'SIGTERM') {
    if (this.#child.exitCode === null) this.#child.kill(signal);
    await this.#ended;
  }
}
