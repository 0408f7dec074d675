import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { runningDescendants } from '../../kit/processes.js';
import { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { ask, failure, ROUTES } from './answers.js';
import { BROKEN, restore } from './broken-projects.js';
import {
  CANARIES,
  CANARY_ENVIRONMENT,
  CANARY_PROJECT,
  CANARY_PYTHON,
  canaryConfig,
  envFile,
  leaksIn,
  SHORT,
} from './canaries.js';

const PATIENCE = { timeout: 30_000, interval: 50 } as const;
const ROTATED = { envFile: 'canary-rotated-env-file-2Lp', file: 'canary-rotated-file-9Gt' } as const;

/** What an operator puts there; everything else in the folder was written by the server. */
const GIVEN = new Set(['config.yml', 'service.env', 'token', 'voices.py', 'bug.mjs']);

function filesWritten(project: TemporaryProject): readonly string[] {
  return readdirSync(project.root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !GIVEN.has(entry.name))
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1'));
}

async function everyAnswer(project: TemporaryProject): Promise<readonly string[]> {
  return Promise.all(ROUTES.map((path) => ask(project, path)));
}

describe('a server that reloads by itself and runs Python', () => {
  let project: TemporaryProject;
  let server: ChildServer;
  let client: Client;

  beforeAll(async () => {
    project = new TemporaryProject({
      ...CANARY_PROJECT,
      ...CANARY_PYTHON,
      'config.yml': [...canaryConfig(), 'logging: { path: mxcp.log, level: DEBUG }', 'reload: { refresh: 1s }'],
    });
    server = await ChildServer.start(project, {
      args: ['--watch', '--debug', '--env-file', project.path('service.env'), '--python-workers', '1'],
      env: { ...CANARY_ENVIRONMENT, TMPDIR: project.root },
    });
    client = await connectTo(server.url);
  });

  afterAll(async () => {
    await client.close();
    await server[Symbol.asyncDispose]();
    expect(leaksIn(server.stderr)).toEqual([]);
    expect(filesWritten(project).flatMap(leaksIn)).toEqual([]);
    project[Symbol.dispose]();
  });

  it.each(Object.entries(CANARIES))(
    'takes a value (%s) out of what Python code prints, warns of and raises',
    async (_, value) => {
      expect(leaksIn(await failure(callText(client, 'shout', { text: value })))).toEqual([]);
      await vi.waitFor(() => expect(server.stderr).toContain('to standard error: '), PATIENCE);
      expect(leaksIn(server.stderr)).toEqual([]);
    },
  );

  it.each(Object.entries(CANARIES))(
    'takes a value (%s) out of every spelling that Python has for it',
    async (_, value) => {
      const spelt = (): number => server.stderr.split('spelt: ').length;
      const before = spelt();
      const answer = await failure(callText(client, 'spell', { text: value }));
      expect(answer).toContain('there is no key');
      expect(leaksIn(answer)).toEqual([]);
      await vi.waitFor(() => expect(spelt()).toBeGreaterThan(before), PATIENCE);
      expect(leaksIn(server.stderr)).toEqual([]);
    },
  );

  it.each(Object.entries(CANARIES))(
    'takes a value (%s) out of what a client receives before the answer, data and its keys included',
    async (_, value) => {
      const received: unknown[] = [];
      const speaking = await connectTo(server.url, { era: 'session' });
      speaking.setNotificationHandler('notifications/message', ({ params }) => void received.push(params));
      const onprogress = (progress: unknown): void => void received.push(progress);
      await speaking.callTool({ name: 'tell', arguments: { text: value } }, { onprogress });
      await speaking.close();
      expect(received).toMatchObject([{ data: { message: 'to say: [secret]' } }, { message: 'with [secret]' }]);
      expect(leaksIn(JSON.stringify(received))).toEqual([]);
    },
  );

  it('leaves results, names and log lines as they are where a secret is short', async () => {
    expect(await callText(client, 'whisper', { text: SHORT.one })).toBe('1 prod 1 production');
    expect(await callText(client, 'prod')).toBe(SHORT.prod);
    expect(await ask(project, '/endpoints')).toContain('"tools/prod.yml"');
    expect(await ask(project, '/status')).toContain('"generation":1');
    await vi.waitFor(() => expect(server.stderr).toContain('name=prod '), PATIENCE);
  });

  it('shows nothing in its command line or in those of its children', () => {
    const children = runningDescendants(server.pid);
    expect(children.length).toBeGreaterThan(0);
    const lines = [server.pid, ...children].map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    expect(lines.join('\n')).toContain('python');
    expect(lines.flatMap(leaksIn)).toEqual([]);
  });

  it('takes values out of everything as soon as they serve', async () => {
    project.write('service.env', envFile({ ENV_FILE: ROTATED.envFile }));
    project.write('secrets/token', `${ROTATED.file}\n`);
    await vi.waitFor(
      async () => expect(await ask(project, '/status')).toContain('"last_reload_status":"success"'),
      PATIENCE,
    );
    for (const value of Object.values(ROTATED)) {
      await vi.waitFor(
        async () => expect(leaksIn(await failure(callText(client, 'shout', { text: value })))).toEqual([]),
        PATIENCE,
      );
      expect(leaksIn(await failure(callText(client, 'raise', { text: value })))).toEqual([]);
    }
    expect((await everyAnswer(project)).flatMap(leaksIn)).toEqual([]);
    restore(project);
    await untilNothingFails(project);
  });

  it.each(Object.entries(BROKEN))('says nothing secret when it fails by itself for %s', async (_, breakIt) => {
    breakIt(project);
    await vi.waitFor(async () => expect(await ask(project, '/status')).toContain('"status":"failing"'), PATIENCE);
    expect((await everyAnswer(project)).flatMap(leaksIn)).toEqual([]);
    restore(project);
    await untilNothingFails(project);
    expect((await everyAnswer(project)).flatMap(leaksIn)).toEqual([]);
    expect(leaksIn(server.stderr)).toEqual([]);
  });
});

async function untilNothingFails(project: TemporaryProject): Promise<void> {
  await vi.waitFor(async () => {
    const status = await ask(project, '/status');
    expect(status).not.toContain('"failing"');
    expect(status).toContain('"last_reload_status":"success"');
  }, PATIENCE);
}

describe('a server that waits for secrets', () => {
  it('says nothing of those that are there already', async () => {
    using project = new TemporaryProject(CANARY_PROJECT);
    project.remove('secrets/token');
    await using server = ChildServer.spawn(project, {
      args: ['--debug', '--wait-for-secrets', '2m', '--env-file', project.path('service.env')],
      env: { ...CANARY_ENVIRONMENT, TMPDIR: project.root },
    });
    await vi.waitFor(() => expect(server.stderr).toContain('waiting for secrets'), PATIENCE);
    const answers = await everyAnswer(project);
    expect(answers.join('\n')).toContain('file://secrets/token');
    expect(answers.flatMap(leaksIn)).toEqual([]);
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
    expect(leaksIn(server.stderr)).toEqual([]);
  });
});

/** Represents a bug with access to every secret: code of ours that throws where no caller catches. */
const BUG = `
import { readFileSync } from 'node:fs';
process.on('SIGUSR2', () => {
  const { PROCESS_ENV, QUOTES, LINES, UNICODE } = process.env;
  const read = ['service.env', 'secrets/token', 'config.yml'].map((name) => readFileSync(name, 'utf8'));
  throw new Error(['cannot use', PROCESS_ENV, QUOTES, LINES, UNICODE, ...read].join(' '));
});
`;

describe.each(['text', 'json'])('the report of a crash, logged as %s', (format) => {
  it('holds no secret, neither where it is printed nor in any file', async () => {
    using project = new TemporaryProject({
      ...CANARY_PROJECT,
      'bug.mjs': BUG,
      'config.yml': [...canaryConfig(), 'logging: { path: mxcp.log, level: DEBUG }'],
    });
    await using server = await ChildServer.start(project, {
      args: ['--debug', '--env-file', project.path('service.env'), '--log-format', format],
      env: { ...CANARY_ENVIRONMENT, TMPDIR: project.root, NODE_OPTIONS: `--import=${project.path('bug.mjs')}` },
    });
    server.child.kill('SIGUSR2');
    expect(await server.ended).toBe(70);
    expect(server.stderr).toContain('unexpected error in mxcp; shutting down');
    expect(server.stderr).toContain('cannot use');
    expect(leaksIn(server.stderr)).toEqual([]);
    expect(filesWritten(project).flatMap(leaksIn)).toEqual([]);
  });
});
