import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ReferenceResolver } from '../../../src/secrets/index.js';
import { MxcpError } from '../../../src/errors/index.js';
import { InProcessServer, type StartOptions } from '../../kit/in-process-server.js';
import { TemporaryProject, userConfig, type ProjectFiles } from '../../kit/projects/temporary-project.js';
import { PATIENCE } from './reload-by-itself.js';

const FILE = userConfig(['name: feed', 'type: http', 'parameters:', '  HTTP_PROXY: file://run/token']);
const VARIABLE = userConfig(['name: feed', 'type: http', 'parameters:', '  HTTP_PROXY: ${TOKEN}']);
const STORE = userConfig(['name: feed', 'type: http', 'parameters:', '  HTTP_PROXY: store://token']);

interface Starting {
  readonly project: TemporaryProject;
  readonly server: InProcessServer;
  /** Settles with the error of the start, or with nothing when it is ready. */
  readonly started: Promise<unknown>;
}

function startWith(files: ProjectFiles, options: StartOptions = {}): Starting {
  const project = new TemporaryProject(files);
  onTestFinished(() => project[Symbol.dispose]());
  const envFiles = options.flags?.envFiles === undefined ? [] : [project.path(String(options.flags.envFiles))];
  const server = InProcessServer.create(project, {
    ...options,
    flags: { waitForSecrets: '20s', ...options.flags, envFiles },
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const started = server.server.start().catch((error: unknown) => error);
  return { project, server, started };
}

/** What the startup probe answers. */
async function startupOf({ admin }: InProcessServer): Promise<string> {
  const { status, checks } = await admin.startup();
  return `${status}: ${checks.map(({ message }) => message).join('; ')}`;
}

async function untilWaiting({ server }: Starting, reason: string): Promise<void> {
  await vi.waitFor(async () => expect(await startupOf(server)).toContain(reason), PATIENCE);
  expect(await startupOf(server)).toMatch(/^fail: waiting for secrets: /);
}

function waitingLines({ server }: Starting): readonly string[] {
  return server.logLines.filter((line) => line.includes('waiting for secrets'));
}

describe('with --wait-for-secrets a start continues when there is', () => {
  it('a file that was not there, and says once why it waits', async () => {
    const starting = startWith({ 'config.yml': FILE });
    await untilWaiting(starting, 'run/token');
    const waiting = await starting.server.admin.status();
    expect(waiting).toMatchObject({ status: 'starting', profile: null, mode: null, generation: 0, pid: process.pid });
    expect(waiting.checks[0]).toMatchObject({
      status: 'fail',
      message: expect.stringContaining('waiting for secrets'),
    });
    starting.project.write('run/token', 'http://token.example:1');
    expect(await starting.started).toBeUndefined();
    expect(await starting.server.admin.status()).toMatchObject({ status: 'ok', profile: 'dev', mode: 'readwrite' });
    expect(waitingLines(starting)).toHaveLength(1);
    expect(waitingLines(starting)[0]).toContain('file://run/token');
    expect(await startupOf(starting.server)).toBe('ok: started');
  });

  it('an env file that was not there, and then the variable in it, with a line for each', async () => {
    const starting = startWith({ 'config.yml': VARIABLE }, { flags: { envFiles: ['late.env'] } });
    await untilWaiting(starting, 'late.env');
    starting.project.write('late.env', 'OTHER=1\n');
    await untilWaiting(starting, '${TOKEN}');
    starting.project.write('late.env', 'TOKEN=http://token.example:1\n');
    expect(await starting.started).toBeUndefined();
    expect(waitingLines(starting)).toHaveLength(2);
  });

  it('a store that was down', async () => {
    let isUp = false;
    const store: ReferenceResolver = {
      scheme: 'store',
      resolve: async () => {
        if (!isUp) throw new Error('the store is down');
        return { value: 'http://token.example:1' };
      },
    };
    const starting = startWith({ 'config.yml': STORE }, { stores: [store] });
    await untilWaiting(starting, 'the store is down');
    isUp = true;
    expect(await starting.started).toBeUndefined();
  });
});

describe('with --wait-for-secrets a start ends at once', () => {
  it.each<[string, ProjectFiles, StartOptions, string]>([
    ['a variable that cannot be set any more', { 'config.yml': VARIABLE }, {}, 'reference_unresolved'],
    ['a mistake in the configuration', { 'config.yml': [...FILE, 'vaults: {}'] }, {}, 'config_invalid'],
    [
      'a folder where the file should be, besides what may come',
      {
        'run/token/x': '',
        'config.yml': userConfig(
          ['name: a', 'type: http', 'parameters:', '  HTTP_PROXY: file://run/token'],
          ['name: b', 'type: http', 'parameters:', '  HTTP_PROXY: file://run/late'],
        ),
      },
      {},
      'reference_unresolved',
    ],
  ])('for %s', async (_, files, options, code) => {
    const starting = startWith(files, options);
    const error = await starting.started;
    expect(error).toBeInstanceOf(MxcpError);
    expect(error).toMatchObject({ code });
    expect(waitingLines(starting)).toEqual([]);
  });
});

it('a start that waits gives up when the time is over, with the reason', async () => {
  const starting = startWith({ 'config.yml': FILE }, { flags: { waitForSecrets: '1s' } });
  const before = performance.now();
  expect(await starting.started).toMatchObject({
    code: 'reference_unresolved',
    message: expect.stringContaining('run/token'),
  });
  expect(performance.now() - before).toBeGreaterThan(900);
  expect(waitingLines(starting)).toHaveLength(1);
});

it('without it a start that misses a secret ends at once', async () => {
  const starting = startWith({ 'config.yml': FILE }, { flags: { waitForSecrets: '0' } });
  expect(await starting.started).toMatchObject({ code: 'reference_unresolved' });
  expect(waitingLines(starting)).toEqual([]);
});

it('a start that waits can be stopped', async () => {
  const starting = startWith({ 'config.yml': FILE }, { flags: { waitForSecrets: '10m' } });
  await untilWaiting(starting, 'run/token');
  await starting.server.server.close();
  expect(await starting.started).toMatchObject({ code: 'server_closing' });
});
