import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AdminClient } from '../../src/admin/client/index.js';
import { namedConfig } from './in-process-server.js';
import type { TemporaryProject } from './projects/temporary-project.js';

const COMMAND = join(import.meta.dirname, '../../bin/mxcp');

export interface SpawnOptions {
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** What begins the command, for a server that runs in a special way. */
  readonly begin?: readonly string[];
}

/** `mxcp serve` of a project as a process of its own, with its admin socket open. */
export class ChildServer implements AsyncDisposable {
  readonly admin: AdminClient;
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  #stderr = '';

  private constructor(project: TemporaryProject, { args = [], env = {}, begin = [] }: SpawnOptions) {
    const [command = process.execPath, ...commandArgs] = [...begin, process.execPath, COMMAND, 'serve'];
    this.child = spawn(command, [...commandArgs, '--port', '0', '--admin-socket', project.socketPath, ...args], {
      cwd: project.root,
      env: childEnvironment(project, env),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.ended = once(this.child, 'close').then(([code]: (number | null)[]) => code ?? null);
    this.admin = new AdminClient({ socketPath: project.socketPath, timeoutMs: 20_000 });
  }

  /** Does not wait for anything. */
  static spawn(project: TemporaryProject, options: SpawnOptions = {}): ChildServer {
    return new ChildServer(project, options);
  }

  /** Resolves when it is ready. Throws with what it said when it ends before. */
  static async start(project: TemporaryProject, options: SpawnOptions = {}): Promise<ChildServer> {
    const server = new ChildServer(project, options);
    await Promise.race([
      server.#untilReady(),
      server.ended.then(() => {
        throw new Error(`the server ended early:\n${server.stderr}`);
      }),
    ]);
    return server;
  }

  /** Everything it has logged. */
  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    const { pid } = this.child;
    if (pid === undefined) throw new Error('the server was not started');
    return pid;
  }

  get url(): string {
    const [, url] = /\burl["=:]+([^\s",]+)/.exec(this.#stderr) ?? [];
    if (url === undefined) throw new Error(`no address in the log:\n${this.#stderr}`);
    return url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGTERM');
    await this.ended;
  }

  async #untilReady(): Promise<void> {
    while (!/[" ]ready[" ]/.test(this.#stderr) && this.child.exitCode === null) await delay(10);
  }
}

/** What a child of a test sees: enough to run, and nothing of ours by accident. */
export function childEnvironment(project: TemporaryProject, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: project.path('home'),
    ...namedConfig(project),
    MXCP_RELOAD_RATE_LIMIT: '0',
    ...env,
  };
}
