import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { repository } from '../contract/docs/doc-blocks.js';
import { mountVolume } from '../kit/kubernetes-volume.js';
import { buildImage, docker, eventually, IMAGE, inNetwork, stop } from './engine/containers.js';
import { createSharedFolder, writeFiles } from './engine/project-files.js';

// The container of the deployment, started as kubelet starts it: the same variables, user, rights and commands; volumes that every
// user of the pod may write; files of ConfigMaps and Secrets behind links that are replaced in one step. What Kubernetes
// itself does with them is not tested: no cluster runs here.
const base = join(repository, 'deploy', 'kubernetes', 'base');
// `npm run test:kubernetes` checks its form.
const { spec } = parseDocument(readFileSync(join(base, 'deployment.yaml'), 'utf8')).toJS() as {
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Container] } } };
};
const [container] = spec.template.spec.containers;

interface Exec {
  readonly exec: { readonly command: readonly string[] };
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly livenessProbe: Exec;
  readonly lifecycle: { readonly preStop: Exec };
}

const project = createSharedFolder();
const config = createSharedFolder();
const secrets = createSharedFolder();
const run = createSharedFolder();
const temporary = createSharedFolder();
const folders = [project, config, secrets, run, temporary];
let pod: string;

beforeAll(async () => {
  await buildImage();
  const tool = readFileSync(join(repository, 'templates', 'project', 'tools', 'hello.yml'), 'utf8');
  writeFiles(project, { 'mxcp-site.yml': 'mxcp: 1\nproject: sales\nprofile: production\n', 'tools/hello.yml': tool });
  await createDatabase();
  for (const volume of [run, temporary]) chmodSync(volume, 0o777);
  mountVolume(config, { 'config.yml': readFileSync(join(base, 'config.yml'), 'utf8') });
  mountVolume(secrets, { 'feed-token': 'token-1' });
  const rights = ['--read-only', '--user=1000:1000', '--cap-drop=ALL', '--security-opt=no-new-privileges'];
  const sizes = ['--memory=2g', '--cpus=2'];
  const variables = container.env.flatMap(({ name, value }) => ['--env', `${name}=${value}`]);
  const mounts = [
    `${run}:/run/mxcp`,
    `${temporary}:/tmp`,
    `${config}:/etc/mxcp:ro`,
    `${secrets}:/run/secrets/mxcp:ro`,
    `${project}:/mxcp-site:ro`,
  ];
  const volumes = mounts.flatMap((mount) => ['--volume', mount]);
  const options = [...rights, ...sizes, ...variables, ...volumes, '--network=host', '--no-healthcheck'];
  pod = await docker('run', '--detach', ...options, IMAGE);
}, 600_000);

afterAll(async () => {
  await docker('rm', '--force', pod);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** The read-only database that the image of a project would hold. */
async function createDatabase(): Promise<void> {
  chmodSync(join(project, 'data'), 0o777);
  const query = ['mxcp', 'query', 'CREATE TABLE sales (amount DOUBLE)'];
  await docker('run', '--rm', '--volume', `${project}:/mxcp-site`, IMAGE, ...query);
}

function inside(command: readonly string[]): Promise<string> {
  return docker('exec', pod, ...command);
}

function probe(): Promise<string> {
  const status = ['--silent', '--output', '/dev/null', '--write-out', '%{http_code}'];
  return inNetwork('curl', ...status, 'http://127.0.0.1:8000/healthz');
}

it('becomes ready, and answers every probe', async () => {
  await eventually(async () => expect(await probe()).toBe('200'));
  expect(await inside(container.livenessProbe.exec.command)).toMatch(/^ok/);
  expect(await inNetwork('curl', '-sf', 'http://127.0.0.1:9464/metrics')).toContain('mxcp_');
  expect(await inside(['mxcp', 'run', 'tool', 'hello', '-p', 'name=Ada'])).toContain('Hello, Ada!');
});

it('reloads by itself when kubelet replaces the secret', async () => {
  const generation = async () => JSON.parse(await inside(['mxcp', 'admin', 'status', '--json'])) as object;
  expect(await generation()).toMatchObject({ generation: 1 });
  mountVolume(secrets, { 'feed-token': 'token-2' });
  await eventually(async () =>
    expect(await generation()).toMatchObject({ generation: 2, reload: { last_reload_status: 'success' } }),
  );
});

it('is taken out of rotation before it ends, and then ends at once', async () => {
  await inside(container.lifecycle.preStop.exec.command);
  expect(await probe()).toBe('503');
  expect(await inside(container.livenessProbe.exec.command)).toMatch(/^ok/);
  const { exitCode, elapsedMs } = await stop(pod);
  expect(exitCode).toBe(0);
  expect(elapsedMs).toBeLessThan(8000);
});
