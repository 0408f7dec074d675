import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const LAUNCHER = fileURLToPath(new URL('../../../bin/mxcp', import.meta.url));

const WAIT_MS = 30_000;

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly launcher?: string;
}

/** The environment of the tests without anything that would configure mxcp, and with a home of its own. */
export function cleanEnv(home: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('MXCP_') && name !== 'NO_COLOR' && name !== 'FORCE_COLOR',
  );
  // Tests reload as often as they can.
  return { ...Object.fromEntries(kept), HOME: home, MXCP_RELOAD_RATE_LIMIT: '0' };
}

/** A folder that is gone after the test; `files` by path. */
export function temporaryFolder(files: Readonly<Record<string, string>> = {}): {
  readonly path: string;
  readonly dispose: () => void;
} {
  const path = mkdtempSync(join(tmpdir(), 'mxcp-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

/** Starts the built command. The caller ends it. */
export class MxcpProcess {
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly ended: Promise<Finished>;

  constructor(args: readonly string[], { cwd = tmpdir(), env, launcher = LAUNCHER }: RunOptions = {}) {
    this.child = spawn(process.execPath, [launcher, ...args], { cwd, env: env ?? cleanEnv(cwd) });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.child, 'close').then(() => ({
      code: this.child.exitCode,
      signal: this.child.signalCode,
      stdout: this.stdout,
      stderr: this.stderr,
    }));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves with where MCP clients connect. */
  async url(): Promise<string> {
    await waitFor(() => / ready /.test(this.stderr) || !this.isRunning, `ready: ${this.stderr}`);
    const url = / ready url=(\S+)/.exec(this.stderr)?.[1];
    if (url === undefined) throw new Error(`not ready: ${this.stderr}`);
    return url;
  }

  /** Linux: the kernel says that the process catches SIGHUP, the last of its signals. */
  async catchesSignals(): Promise<void> {
    await waitFor(() => {
      const caught = /^SigCgt:\s*([0-9a-f]+)/m.exec(readIfThere(`/proc/${this.pid}/status`))?.[1] ?? '0';
      return (BigInt(`0x${caught}`) & 1n) !== 0n;
    }, 'signals caught');
  }
}

export async function runMxcp(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const started = new MxcpProcess(args, options);
  started.child.stdin?.end(options.input ?? '');
  return started.ended;
}

export async function waitFor(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${WAIT_MS} ms for ${what}`);
    await delay(5);
  }
}

function readIfThere(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** An MCP client that is connected. The caller closes it. */
export async function connectClient(url: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return client;
}

/** A project with one quick tool and one that runs for minutes. */
export const SMALL_PROJECT: Readonly<Record<string, string>> = {
  'mxcp-site.yml': 'mxcp: 1\nproject: small\nprofile: dev\n',
  'tools/add.yml': `mxcp: 1
tool:
  name: add
  parameters:
    - { name: a, type: integer }
    - { name: b, type: integer, default: 1 }
  return: { type: object, properties: { sum: { type: integer } } }
  source: { code: "SELECT $a + $b AS sum" }
`,
  'tools/slow.yml': `mxcp: 1
tool:
  name: slow
  source: { code: "SELECT sum(hash(a.range + b.range)) AS n FROM range(100000000) a, range(100000) b" }
`,
  'tools/who.yml': `mxcp: 1
tool:
  name: who
  return: { type: object }
  source: { code: "SELECT get_username() AS name, get_request_header('X-Team') AS team" }
`,
  'tools/many.yml': `mxcp: 1
tool:
  name: many
  parameters:
    - { name: numbers, type: array, items: { type: integer } }
  return: { type: array }
  source: { code: "SELECT unnest($numbers) * 2 AS doubled" }
`,
  'resources/region.yml': `mxcp: 1
resource:
  uri: sales://{region}
  name: region
  parameters: [{ name: region, type: string }]
  return: { type: object }
  source: { code: "SELECT $region AS region" }
`,
  'prompts/ask.yml': `mxcp: 1
prompt:
  name: ask
  parameters: [{ name: topic, type: string }]
  messages: [{ role: user, prompt: "Tell me about {{ topic }}" }]
`,
};
