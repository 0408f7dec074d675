import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const REPOSITORY = join(import.meta.dirname, '../..');
/** Where root folders are kept between runs. */
const ROOTS = process.env['MXCP_TEST_SYSTEMD_ROOTS'] ?? '/var/cache/mxcp-systemd';

/** systemd 252, which knows no `notify-reload`, and 257. */
export const SUITES = ['bookworm', 'trixie'] as const;
export type Suite = (typeof SUITES)[number];

export function rootOf(suite: Suite): string {
  mkdirSync(ROOTS, { recursive: true });
  return join(ROOTS, suite);
}

export interface Finished {
  readonly code: number;
  readonly output: string;
}

const WAIT_MS = 60_000;

/** A Debian machine with a systemd of its own as the first process, journald, and no network. Its changes are lost with it. */
export class Machine implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  #leader = 0;

  private constructor(suite: Suite) {
    const name = `mxcp-${suite}-${process.pid}`;
    const node = execFileSync('readlink', ['-f', process.execPath], { encoding: 'utf8' }).trim();
    this.#child = spawn(
      'systemd-nspawn',
      [
        '--quiet',
        '--register=no',
        '--keep-unit',
        '--private-network',
        '--console=pipe',
        `--machine=${name}`,
        `--directory=${rootOf(suite)}`,
        '--volatile=overlay',
        '--boot',
        `--bind-ro=${REPOSITORY}:/usr/lib/mxcp`,
        `--bind-ro=${node}:/usr/bin/node`,
        // Hosts with the first version of control groups.
        '--setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1',
      ],
      { stdio: 'ignore' },
    );
    this.#ended = once(this.#child, 'exit');
  }

  /** A machine that has booted, with the command and the users of the documentation: alice may administrate, bob may not. */
  static async boot(suite: Suite): Promise<Machine> {
    const machine = new Machine(suite);
    await machine.until('systemctl is-system-running', ({ output }) => /running|degraded/.test(output));
    await machine.succeed('ln -s /usr/lib/mxcp/bin/mxcp /usr/local/bin/mxcp');
    return machine;
  }

  /** Runs a shell command as root, or as another user. */
  async run(command: string, user = 'root'): Promise<Finished> {
    const leader = this.#findLeader();
    if (leader === undefined) return { code: -1, output: 'not booted' };
    const env = ['env', '-i', 'PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', `HOME=/root`, 'LC_ALL=C.UTF-8'];
    const shell = user === 'root' ? ['bash', '-c', command] : ['runuser', '-u', user, '--', 'bash', '-c', command];
    const child = spawn('nsenter', ['-t', String(leader), '-a', '--', ...env, ...shell], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const [code] = await once(child, 'close');
    return { code: Number(code ?? -1), output };
  }

  /** The output of a command that must succeed. */
  async succeed(command: string, user?: string): Promise<string> {
    const { code, output } = await this.run(command, user);
    if (code !== 0) throw new Error(`\`${command}\` ended with ${code}:\n${output}\n${await this.journal()}`);
    return output;
  }

  /** Runs a command again and again until its result is the wanted one. */
  async until(command: string, isWanted: (result: Finished) => boolean): Promise<Finished> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const result = await this.run(command);
      if (isWanted(result)) return result;
      if (performance.now() > deadline)
        throw new Error(`\`${command}\` never did what it should:\n${result.output}\n${await this.journal()}`);
      await delay(50);
    }
  }

  async write(path: string, text: string): Promise<void> {
    const encoded = Buffer.from(text).toString('base64');
    await this.succeed(`mkdir -p "$(dirname ${path})" && echo ${encoded} | base64 -d > ${path}`);
  }

  /** Copies a file of the repository, in which units name paths of a real machine. */
  install(from: string, to: string): Promise<void> {
    return this.write(to, readFileSync(join(REPOSITORY, from), 'utf8'));
  }

  async journal(): Promise<string> {
    return (await this.run('journalctl -u mxcp --no-pager | tail -40')).output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const leader = this.#findLeader();
    // Its first process: with it, the whole machine ends.
    if (leader !== undefined) process.kill(leader, 'SIGKILL');
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** The first process of the machine, a child of the one that was started, in name spaces of its own. */
  #findLeader(): number | undefined {
    if (this.#leader !== 0) return this.#leader;
    const { pid } = this.#child;
    if (pid === undefined) return undefined;
    try {
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(/\s+/);
      const leader = children.map(Number).find((child) => child > 0 && isInit(child));
      if (leader !== undefined) this.#leader = leader;
      return leader;
    } catch {
      // It ends, or has only just begun.
      return undefined;
    }
  }
}

function isInit(pid: number): boolean {
  return (
    readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'systemd' &&
    readlinkSync(`/proc/${pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt')
  );
}
