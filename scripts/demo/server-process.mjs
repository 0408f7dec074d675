import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { AdminClient } from '../../dist/admin/client/index.js';

const READY_WITHIN_MS = 30_000;
const ASK_EVERY_MS = 50;
const KEEPER = fileURLToPath(new URL('keeper.mjs', import.meta.url));

/** The server, as the child of a keeper that ends it and removes the workspace when this process is gone. */
export class ServerProcess {
  #workspace;
  #child;
  #log = '';
  #stopping = false;
  /** Resolves when the child has been stopped, rejects when it ended unexpectedly. */
  ended;

  constructor(workspace) {
    this.#workspace = workspace;
  }

  /** Starts the server and waits until it is ready. Returns the MCP address. */
  async start(port) {
    const { command, project, socket, config, envFile, folder } = this.#workspace;
    // The MXCP variables of the user must not change the demo.
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MXCP_'));
    const options = ['serve', '--port', String(port), '--admin-socket', socket, '--admin-strict'];
    this.#child = spawn(process.execPath, [KEEPER, folder, process.execPath, command, ...options], {
      cwd: project,
      env: { ...Object.fromEntries(inherited), MXCP_CONFIG: config, MXCP_ENV_FILE: envFile },
      stdio: ['pipe', 'ignore', 'pipe'],
      // A separate process group: Ctrl-C reaches only this program, which then stops the server once, not twice.
      detached: true,
    });
    this.#child.stdin.on('error', () => {}); // the keeper has ended, which `ended` reports
    this.#child.stderr.on('data', (chunk) => (this.#log += chunk));
    this.ended = this.#waitForEnd();
    await Promise.race([this.#waitUntilReady(), this.ended]);
    return `http://localhost:${port}/mcp`;
  }

  /** From now on, the log goes to the terminal; earlier lines are dropped. */
  showLog() {
    this.#child.stderr.removeAllListeners('data');
    this.#child.stderr.pipe(process.stderr, { end: false });
  }

  async stop() {
    this.#stopping = true;
    if (this.#child === undefined) return;
    this.#child.stdin.end();
    await this.ended.catch(() => {}); // an earlier end has already been reported
  }

  #waitForEnd() {
    const ended = new Promise((resolve, reject) => {
      this.#child.once('error', reject);
      this.#child.once('exit', (code, signal) => {
        if (this.#stopping) resolve();
        else reject(new Error(`the server ended unexpectedly (${signal ?? `exit ${code}`})\n${this.#log}`));
      });
    });
    ended.catch(() => {}); // callers of `ended` get the error; there may be none yet
    return ended;
  }

  async #waitUntilReady() {
    const client = new AdminClient({ socketPath: this.#workspace.socket });
    const deadline = Date.now() + READY_WITHIN_MS;
    while (Date.now() < deadline) {
      const answer = await client.ready().catch(() => undefined); // not listening yet
      if (answer?.status === 'ok') return;
      await delay(ASK_EVERY_MS);
    }
    throw new Error(`the server was not ready within ${READY_WITHIN_MS / 1000} s\n${this.#log}`);
  }
}
