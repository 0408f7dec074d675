import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runningChildren } from '../../kit/processes.js';
import { run, succeed } from './commands.js';

/**
 * What runs in the namespaces: a network with nothing but loopback, a process tree of its own and private mounts. So the
 * machine keeps its own Docker, if it has one, and whatever the daemon leaves behind ends with it. Without a packet filter,
 * published ports go through Docker's own proxy.
 */
const DAEMON = `
  set -e
  ip link set lo up
  mount -t tmpfs tmpfs /run
  exec dockerd --host "unix://$SOCKET" --data-root "$DATA" --exec-root /run/docker --pidfile /run/docker.pid \
    --bridge=none --iptables=false --ip6tables=false
`;

const READY_WITHIN_MS = 60_000;
const ASK_EVERY_MS = 200;

/** A Docker daemon for the tests alone. Its images stay in the cache folder, so that the next run builds little. */
export class PrivateDocker {
  readonly socket: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'mxcp-docker-'));
  #namespaces: ChildProcess | undefined;

  constructor() {
    this.socket = join(this.#folder, 'docker.sock');
  }

  async start(cache: string): Promise<void> {
    const data = join(cache, 'docker');
    mkdirSync(data, { recursive: true });
    const log = openSync(this.#logFile, 'w');
    const options = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
    // It ends with this process, and the daemon and every container end with it.
    const untilParentEnds = ['--pdeathsig=KILL', '--', 'unshare', ...options, 'sh', '-c', DAEMON];
    this.#namespaces = spawn('setpriv', untilParentEnds, {
      env: { ...process.env, SOCKET: this.socket, DATA: data },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    await this.#untilItAnswers();
  }

  /** The process in whose network the containers publish their ports. */
  get processId(): number {
    const [daemon] = runningChildren(this.#namespaces?.pid ?? 0);
    if (daemon === undefined) throw new Error(`dockerd does not run:\n${this.#log()}`);
    return daemon;
  }

  async stop(): Promise<void> {
    const left = await succeed('docker', ['--host', `unix://${this.socket}`, 'ps', '--all', '--quiet']);
    if (left !== '') await succeed('docker', ['--host', `unix://${this.socket}`, 'rm', '--force', ...left.split('\n')]);
    const ended = this.#namespaces === undefined ? undefined : once(this.#namespaces, 'exit');
    process.kill(this.processId, 'SIGTERM');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #untilItAnswers(): Promise<void> {
    const deadline = performance.now() + READY_WITHIN_MS;
    while ((await run('docker', ['--host', `unix://${this.socket}`, 'version'])).exitCode !== 0) {
      if (this.#namespaces?.exitCode === null && performance.now() < deadline) {
        await delay(ASK_EVERY_MS);
        continue;
      }
      this.#namespaces?.kill('SIGKILL');
      throw new Error(`dockerd does not answer:\n${this.#log()}`);
    }
  }

  get #logFile(): string {
    return join(this.#folder, 'dockerd.log');
  }

  #log(): string {
    return readFileSync(this.#logFile, 'utf8').slice(-4000);
  }
}
