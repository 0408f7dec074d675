import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  cleanEnv,
  connectClient,
  type Finished,
  MxcpProcess,
  runMxcp,
  SMALL_PROJECT,
  temporaryFolder,
  waitFor,
} from './mxcp-process.js';

const SECRETS = 1000;
const secretOf = (number: number): string => `planted-${number}-${(number * 7919).toString(36)}-value`;
const parameters = Array.from({ length: SECRETS }, (_, number) =>
  number % 2 === 0 ? `S${number}: "\${S${number}}"` : `S${number}: "file://secrets/${number}"`,
);
const CONFIG = `mxcp: 1
projects:
  small:
    profiles:
      dev:
        secrets:
          - name: planted
            type: custom
            parameters:
              ${parameters.join('\n              ')}
`;
const CODE = `from mxcp.runtime import config

def leak(number):
    secret = config.get_secret("planted")["S%d" % number]
    print("the code prints", secret)
    raise ValueError("the code raises " + secret)
`;

let project: ReturnType<typeof temporaryFolder>;
let server: MxcpProcess | undefined;
let socket: string;

beforeEach(() => {
  project = temporaryFolder({
    ...SMALL_PROJECT,
    'config.yml': CONFIG,
    'service.env': Array.from({ length: SECRETS }, (_, number) => `S${number}=${secretOf(number)}\n`).join(''),
    'python/leak.py': CODE,
    'tools/leak.yml':
      'mxcp: 1\ntool:\n  name: leak\n  language: python\n  parameters: [{ name: number, type: integer }]\n  source: { file: ../python/leak.py }\n',
    'tools/select.yml':
      'mxcp: 1\ntool:\n  name: select\n  parameters: [{ name: text, type: string }]\n  source: { code: "SELECT $text::INTEGER AS n" }\n',
  });
  mkdirSync(join(project.path, 'secrets'));
  for (let number = 1; number < SECRETS; number += 2)
    writeFileSync(join(project.path, 'secrets', String(number)), secretOf(number));
  socket = join(project.path, 'admin.sock');
});

afterEach(async () => {
  if (server?.isRunning === true) server.kill('SIGCONT');
  server?.kill('SIGTERM');
  await server?.ended;
  server = undefined;
  project.dispose();
});

function environment(): NodeJS.ProcessEnv {
  return {
    ...cleanEnv(project.path),
    MXCP_CONFIG: join(project.path, 'config.yml'),
    MXCP_ENV_FILE: join(project.path, 'service.env'),
    // A value in the environment of the command itself must not be in the archive either.
    MXCP_HOST: '127.0.0.1',
    SOMETHING_ELSE: secretOf(1),
  };
}

async function startServer(): Promise<string> {
  server = new MxcpProcess(['serve', '--port', '0', '--debug', '--admin-socket', socket], {
    cwd: project.path,
    env: environment(),
  });
  return server.url();
}

function support(...options: readonly string[]): Promise<Finished> {
  return runMxcp(['admin', 'support', '--socket', socket, ...options], { cwd: project.path, env: environment() });
}

/** Unpacks with the real tar, and answers with the text of each file. */
function unpack(file: string): ReadonlyMap<string, string> {
  const folder = join(project.path, 'unpacked');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  execFileSync('tar', ['-xzf', file, '-C', folder, '--strip-components=1']);
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => statSync(join(folder, name)).isFile());
  return new Map(files.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

const FILES = [
  'README.txt',
  'client.json',
  'config.json',
  'endpoints.json',
  'log.txt',
  'metrics.json',
  'reloads.json',
  'status.json',
  'system/cpu.json',
  'system/disk.json',
  'system/info.json',
  'system/memory.json',
  'system/network.json',
  'system/process.json',
];

describe('mxcp admin support', () => {
  it('writes one archive that helps, in which none of a thousand secrets is', async () => {
    const client = await connectClient(await startServer());
    for (let number = 0; number < 6; number += 1)
      await client.callTool({ name: 'leak', arguments: { number } }).catch(() => undefined);
    await client.callTool({ name: 'select', arguments: { text: secretOf(3) } }).catch(() => undefined);
    await client.close();
    rmSync(join(project.path, 'secrets/1'));
    expect((await runMxcp(['admin', 'reload', '--socket', socket])).code).toBe(1);

    const archive = join(project.path, 'support.tar.gz');
    const { code, stdout, stderr } = await support('-o', archive);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`wrote ${archive} (`);
    expect(statSync(archive).mode & 0o777).toBe(0o600);

    const files = unpack(archive);
    expect([...files.keys()].sort()).toEqual(expect.arrayContaining(FILES));
    for (const name of files.keys())
      expect(name === 'README.txt' || files.get('README.txt')?.includes(name)).toBe(true);
    expect(files.get('README.txt')).not.toContain('Missing');
    expect(files.get('log.txt')).toContain('tool "leak" failed');
    expect(files.get('log.txt')).toContain('reload failed');
    expect(JSON.parse(files.get('status.json') ?? '')).toMatchObject({ reload: { last_reload_status: 'error' } });
    expect(JSON.parse(files.get('config.json') ?? '').settings).toContain('MXCP_ENV_FILE');
    expect(JSON.parse(files.get('client.json') ?? '')).toMatchObject({
      socket: { path: socket, is_socket: true, mode: '0600' },
      variables: expect.arrayContaining(['MXCP_HOST']),
    });
    const all = [...files.values(), stdout].join('\n');
    const leaked = Array.from({ length: SECRETS }, (_, number) => secretOf(number)).filter((each) =>
      all.includes(each),
    );
    expect(leaked).toEqual([]);
  });

  it('works without a server, and says what is missing', async () => {
    const { code, stdout } = await support('--json');
    expect(code).toBe(0);
    // The shape is that of the command.
    const { file, files, missing } = JSON.parse(stdout) as {
      file: string;
      files: readonly { name: string }[];
      missing: readonly { name: string; reason: string }[];
    };
    expect(files.map(({ name }) => name)).toEqual(['client.json']);
    expect(missing.map(({ name }) => name)).toContain('status.json');
    const unpacked = unpack(file);
    expect([...unpacked.keys()].sort()).toEqual(['README.txt', 'client.json']);
    expect(unpacked.get('README.txt')).toContain(`status.json: there is no admin socket at ${socket}`);
    expect(JSON.parse(unpacked.get('client.json') ?? '')).toMatchObject({ socket: { error: 'does not exist' } });
  });

  it('has what a starting server knows', async () => {
    writeFileSync(join(project.path, 'config.yml'), CONFIG.replace('secrets/1"', 'secrets/none"'));
    server = new MxcpProcess(['serve', '--port', '0', '--admin-socket', socket, '--wait-for-secrets', '60s'], {
      cwd: project.path,
      env: environment(),
    });
    await waitFor(() => server?.stderr.includes('waiting for secrets') === true, 'the server to wait');
    const archive = join(project.path, 'support.tar.gz');
    expect((await support('--output', archive)).code).toBe(0);
    const files = unpack(archive);
    expect(JSON.parse(files.get('status.json') ?? '')).toMatchObject({ status: 'starting' });
    expect(files.get('log.txt')).toContain('waiting for secrets');
    expect(files.get('README.txt')).toContain('config.json: the server is still starting');
  });

  it('leaves a file that exists as it is, and says why it cannot write', async () => {
    const existing = join(project.path, 'there.tar.gz');
    writeFileSync(existing, 'mine');
    const refused = await support('-o', existing);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('exists already')]);
    expect(readFileSync(existing, 'utf8')).toBe('mine');
    const nowhere = await support('-o', join(project.path, 'no/such/folder.tar.gz'));
    expect([nowhere.code, nowhere.stderr]).toEqual([3, expect.stringContaining('cannot write')]);
  });
});
