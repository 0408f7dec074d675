import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const fixture = join(repository, 'test', 'fixtures', 'projects', 'operated.good');
export const command = join(repository, 'bin', 'mxcp');

const READY_WITHIN_MS = 30_000;
const ASK_EVERY_MS = 30;

/** A private folder with a copy of a small project, and everything that a server of it writes. */
export interface Workplace {
  readonly folder: string;
  readonly project: string;
  readonly socket: string;
  /** `${NAME}` is looked up here. */
  readonly envFile: string;
  readonly environment: Readonly<Record<string, string>>;
  write(name: string, text: string): void;
  remove(): void;
}

export function createWorkplace(): Workplace {
  const folder = mkdtempSync(join(tmpdir(), 'op-'));
  const project = join(folder, 'project');
  cpSync(fixture, project, { recursive: true });
  const socket = join(folder, 'run', 'mxcp.sock');
  const envFile = join(project, 'service.env');
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MXCP_'));
  return {
    folder,
    project,
    socket,
    envFile,
    environment: {
      // Undefined values do not come out of a real environment.
      ...(Object.fromEntries(inherited) as Record<string, string>),
      MXCP_CONFIG: join(project, 'config.yml'),
      MXCP_ENV_FILE: envFile,
      MXCP_PORT: '0',
      // Tests reload as often as they can.
      MXCP_RELOAD_RATE_LIMIT: '0',
    },
    write: (name, text) => writeFileSync(join(project, name), text),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The environment that the users' document switches the socket on with. */
export function adminEnvironment(workplace: Workplace): Record<string, string> {
  return { ...workplace.environment, MXCP_ADMIN_ENABLED: 'true', MXCP_ADMIN_SOCKET: workplace.socket };
}

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Everything it has written to standard error. */
  log(): string;
  logged(text: string): Promise<void>;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  stop(signal?: NodeJS.Signals): Promise<number | string>;
}

/** Starts the built command; does not wait for anything. The caller stops it. */
export function spawnServer(
  workplace: Workplace,
  environment: Readonly<Record<string, string>>,
  options: readonly string[] = [],
): ServerProcess {
  const child = spawn(process.execPath, [command, 'serve', ...options], {
    cwd: workplace.project,
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk) => (log += String(chunk)));
  const ended = once(child, 'close').then(([code, signal]: (number | string | null)[]) => code ?? signal ?? 'unknown');
  return {
    child,
    pid: child.pid ?? -1,
    log: () => log,
    logged: (text) => until(() => log.includes(text), `the log to say "${text}", it says:\n${log}`),
    ended,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      return ended;
    },
  };
}

/** Starts a server with its admin socket and waits until it is ready. */
export async function startServer(
  workplace: Workplace,
  extra: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Promise<ServerProcess> {
  const server = spawnServer(workplace, { ...adminEnvironment(workplace), ...extra }, options);
  const ready = async (): Promise<boolean> => {
    if (server.child.exitCode !== null) throw new Error(`the server ended:\n${server.log()}`);
    return (await ask(workplace.socket, '/readyz').catch(() => undefined))?.status === 200;
  };
  await until(ready, `the server to be ready:\n${server.log()}`);
  return server;
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`gave up waiting for ${what}`);
    await delay(ASK_EVERY_MS);
  }
}

export interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
  readonly text: string;
}

/** One request over the socket with nothing but `node:http`, as any program would send it. */
export function ask<Body>(socketPath: string, path: string, method = 'GET'): Promise<Answer<Body>> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method, agent: false, headers: { Host: 'localhost' } });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('error', reject);
      response.on('end', () =>
        // The caller says which answer it asked for; contract tests hold the server to the shapes.
        resolve({ status: response.statusCode ?? 0, text, body: JSON.parse(text) as Body }),
      );
    });
    sent.end();
  });
}

/** Calls a tool over MCP with one plain HTTP request. */
export async function callTool(server: ServerProcess, name: string, input: object = {}): Promise<unknown> {
  const url = /ready url=(\S+)/.exec(server.log())?.[1] ?? '';
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: input } }),
  });
  const text = await response.text();
  // One JSON-RPC message, bare or as a server-sent event.
  const message = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? text) as {
    readonly result?: { readonly structuredContent?: unknown };
  };
  if (message.result === undefined) throw new Error(`the tool call failed: ${text}`);
  return message.result.structuredContent;
}
