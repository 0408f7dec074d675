import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { allBlocks, blockUnder, nameOfBlock, repository, type DocBlock } from '../contract/docs/doc-blocks.js';
import { run, succeed } from './engine/commands.js';
import { buildImage, docker, environment, IMAGE } from './engine/containers.js';
import { createSharedFolder } from './engine/project-files.js';

const blocks = allBlocks().filter(({ tags }) => tags[0] === 'docker');
const place = createSharedFolder();
const project = join(place, 'sales');
const sidecar = join(place, 'sidecar');

beforeAll(async () => {
  await buildImage();
  // `docker compose` and `mxcp`, as they are on the machine of a user.
  mkdirSync(join(place, 'docker', 'cli-plugins'), { recursive: true });
  symlinkSync(inject('engine').compose, join(place, 'docker', 'cli-plugins', 'docker-compose'));
  mkdirSync(join(place, 'bin'));
  symlinkSync(join(repository, 'bin', 'mxcp'), join(place, 'bin', 'mxcp'));
  await succeed(join(place, 'bin', 'mxcp'), ['init', project]);
  await addPackages();
  await startSidecar();
}, 600_000);

afterAll(async () => {
  await bash('docker compose down --volumes --timeout 1', sidecar);
  rmSync(place, { recursive: true, force: true });
});

it.each(blocks.map((block) => [nameOfBlock(block), block] as const))('%s', async (_name, block) => {
  const { exitCode, stdout, stderr } = await bash(`set -e\n${block.text}`, folderFor(block));
  expect(exitCode, stdout + stderr).toBe(0);
});

function folderFor({ text }: DocBlock): string {
  if (text.startsWith('docker build')) return repository;
  if (text.startsWith('docker compose')) return sidecar;
  return text.startsWith('mxcp init') ? place : project;
}

function bash(script: string, cwd: string) {
  const path = `${join(place, 'bin')}:${process.env['PATH'] ?? ''}`;
  const env = { ...environment, DOCKER_CONFIG: join(place, 'docker'), PATH: path };
  return run('bash', ['-c', script], { cwd, env });
}

/** What pip finds where the build has no network. The image is built on this base only here, because it is larger. */
async function addPackages(): Promise<void> {
  const context = join(place, 'packages');
  mkdirSync(context);
  await succeed(
    'python3',
    ['-m', 'pip', 'download', '--quiet', '--only-binary=:all:', '--python-version=3.11', 'numpy', 'pandas'],
    { cwd: context },
  );
  const lines = [
    'FROM mxcp-containers/debian',
    'COPY *.whl /opt/wheels/',
    `RUN printf '[global]\\nno-index = true\\nfind-links = /opt/wheels\\n' > /etc/pip.conf`,
  ];
  writeFileSync(join(context, 'Dockerfile'), lines.join('\n'));
  const dockerfile = await succeed('grep', ['-oP', '^ARG DEBIAN_IMAGE=\\K.*', join(repository, 'Dockerfile')]);
  await docker('build', '--tag', dockerfile, context);
}

async function startSidecar(): Promise<void> {
  mkdirSync(sidecar);
  const page = 'docs/operations/admin-socket.md';
  writeFileSync(join(sidecar, 'compose.yaml'), blockUnder(page, 'A shared socket', 'yaml').text);
  writeFileSync(join(sidecar, 'compose.override.yaml'), blockUnder(page, 'A sidecar that reloads', 'yaml').text);
  writeFileSync(join(sidecar, 'Dockerfile'), `FROM ${IMAGE}\n`);
  const { exitCode, stderr } = await bash('docker compose up --detach --build --wait', sidecar);
  expect(exitCode, stderr).toBe(0);
}
