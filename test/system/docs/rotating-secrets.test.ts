import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { blockUnder } from '../../contract/docs/doc-blocks.js';
import {
  ask,
  callTool,
  command,
  createWorkplace,
  spawnServer,
  until,
  type ServerProcess,
  type Workplace,
} from '../../e2e/seed/running-server.js';
import { mountVolume } from '../../kit/kubernetes-volume.js';
import { runProgram } from '../seed/run-script.js';

const GUIDE = 'docs/guides/rotating-secrets.md';

/** The configuration of a platform in one variant of the guide. */
interface Variant {
  readonly serve: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly ready?: readonly string[];
}

interface Container {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly volumes: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
}

interface Pod {
  readonly containers: readonly {
    readonly command: readonly string[];
    readonly env: readonly { readonly name: string; readonly value: string }[];
    readonly startupProbe: { readonly exec: { readonly command: readonly string[] } };
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly { readonly name: string; readonly secret?: { readonly secretName: string } }[];
}

let workplace: Workplace;
let server: ServerProcess | undefined;

beforeEach(() => {
  workplace = createWorkplace();
  mkdirSync(dirname(workplace.socket));
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  workplace.remove();
});

/** Paths of the platform as paths of the workplace; the command as the one that was built. */
function here(text: string): string {
  return text
    .replaceAll('/run/mxcp', dirname(workplace.socket))
    .replaceAll('/etc/mxcp', join(workplace.folder, 'etc'))
    .replaceAll('/usr/local/bin/mxcp', 'mxcp');
}

function runHere(words: readonly string[]) {
  const [program, ...options] = words.map(here);
  expect(program).toBe('mxcp');
  return runProgram(workplace, [process.execPath, command, ...options]);
}

/** Starts it before there are secrets: it waits, as the guide says, until `mount` has put them there. */
async function start(variant: Variant, mount: () => void): Promise<string> {
  const environment = Object.fromEntries(
    Object.entries(variant.environment).map(([name, value]) => [name, here(value)]),
  );
  const [program, serve, ...options] = variant.serve.map(here);
  expect([program, serve]).toEqual(['mxcp', 'serve']);
  const base = { ...workplace.environment, MXCP_ADMIN_SOCKET: workplace.socket };
  server = spawnServer(workplace, { ...base, ...environment }, options);
  await server.logged('waiting for secrets');
  if (variant.ready !== undefined) expect((await runHere(variant.ready)).exitCode).not.toBe(0);
  mount();
  await server.logged('ready url=');
  if (variant.ready !== undefined) expect((await runHere(variant.ready)).exitCode).toBe(0);
  return environment['MXCP_ENV_FILE'] ?? '';
}

/** The scope of the secret in DuckDB, which comes out of the env file. */
async function untilServed(host: string): Promise<void> {
  const isServed = async (): Promise<boolean> => {
    if (server === undefined) throw new Error('nothing was started');
    return JSON.stringify(await callTool(server, 'search_users')).includes(`https://${host}/`);
  };
  await until(isServed, `${host} to be served`);
}

function replace(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

describe('the guide to secrets that rotate', () => {
  it('has a unit of systemd that waits for secrets, notices new ones, and reloads on request', async () => {
    const lines = blockUnder(GUIDE, 'systemd', 'ini').text.split('\n');
    const settingsOf = (name: string): readonly string[] =>
      lines.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
    const environment = Object.fromEntries(
      settingsOf('Environment').map((text) => text.replaceAll('"', '').split('=', 2)),
    );
    const variant = { serve: settingsOf('ExecStart')[0]?.split(' ') ?? [], environment };
    let file = '';
    file = await start(variant, () =>
      replace(here(String(environment['MXCP_ENV_FILE'])), 'FEED_HOST=feed-1.example.com\n'),
    );
    await untilServed('feed-1.example.com');
    replace(file, 'FEED_HOST=feed-2.example.com\n');
    await untilServed('feed-2.example.com');
    replace(file, 'FEED_HOST=feed-3.example.com\n');
    const [reload = ''] = settingsOf('ExecReload');
    expect((await runHere(reload.split(' '))).exitCode).toBe(0);
    await untilServed('feed-3.example.com');
    replace(file, 'OTHER=1\n');
    expect((await runHere(reload.split(' '))).exitCode).toBe(1);
    expect((await ask(workplace.socket, '/readyz')).status).toBe(200);
    await untilServed('feed-3.example.com');
  });

  it('has a compose file whose container waits for secrets and notices new ones in the mounted folder', async () => {
    // The shape is what this test needs of it; what is missing makes it fail.
    const file = parseYaml(blockUnder(GUIDE, 'Docker', 'yaml').text) as {
      readonly services: { readonly mxcp: Container };
    };
    const { command: serve, environment, volumes, healthcheck } = file.services.mxcp;
    const [, mounted = ''] = (volumes[0] ?? '').split(':');
    expect(environment['MXCP_ENV_FILE']).toBe(`${mounted}/mxcp.env`);
    const ready = healthcheck.test.slice(1);
    const envFile = here(`${mounted}/mxcp.env`);
    await start({ serve, environment, ready }, () => replace(envFile, 'FEED_HOST=feed-1.example.com\n'));
    await untilServed('feed-1.example.com');
    replace(envFile, 'FEED_HOST=feed-2.example.com\n');
    await untilServed('feed-2.example.com');
  });

  it('has a deployment for Kubernetes whose pod waits for its volume and notices each new version of it', async () => {
    const manifest = parseYaml(blockUnder(GUIDE, 'Kubernetes', 'yaml').text) as {
      readonly spec: { readonly template: { readonly spec: Pod } };
    };
    const { containers, volumes } = manifest.spec.template.spec;
    const [container] = containers;
    if (container === undefined) throw new Error('the deployment has no container');
    const [mount] = container.volumeMounts;
    expect(volumes).toEqual([{ name: mount?.name, secret: { secretName: 'mxcp' } }]);
    const environment = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
    expect(environment['MXCP_ENV_FILE']).toBe(`${mount?.mountPath}/mxcp.env`);
    const folder = here(mount?.mountPath ?? '');
    const variant = { serve: container.command, environment, ready: container.startupProbe.exec.command };
    await start(variant, () => mountVolume(folder, { 'mxcp.env': 'FEED_HOST=feed-1.example.com\n' }));
    for (const host of ['feed-1.example.com', 'feed-2.example.com', 'feed-3.example.com']) {
      mountVolume(folder, { 'mxcp.env': `FEED_HOST=${host}\n` });
      await untilServed(host);
    }
    expect(existsSync(join(folder, 'mxcp.env'))).toBe(true);
  });
});
