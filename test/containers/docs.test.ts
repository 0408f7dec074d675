import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf, blockUnder, nameOfBlock, repository, type DocBlock } from '../contract/docs/doc-blocks.js';
import { succeed } from './engine/commands.js';
import { buildImage, docker, IMAGE, tryDocker } from './engine/containers.js';
import { UserShell } from './engine/user-shell.js';

const shell = new UserShell();
afterAll(() => shell[Symbol.dispose]());
beforeAll(buildImage, 600_000);

function commandsOf(page: string): readonly (readonly [string, DocBlock])[] {
  const blocks = blocksOf(page).filter(({ tags }) => tags[0] === 'docker');
  expect(blocks).not.toEqual([]);
  return blocks.map((block) => [nameOfBlock(block), block]);
}

const SOCKET_PAGE = 'docs/operations/admin-socket.md';

describe('with the compose files of the page on the admin socket', () => {
  const folder = join(shell.folder, 'sidecar');

  beforeAll(async () => {
    mkdirSync(folder);
    writeFileSync(join(folder, 'compose.yaml'), blockUnder(SOCKET_PAGE, 'A shared socket', 'yaml').text);
    const group = blockUnder(SOCKET_PAGE, 'A sidecar that reloads', 'yaml').text;
    writeFileSync(join(folder, 'compose.override.yaml'), group);
    writeFileSync(join(folder, 'Dockerfile'), `FROM ${IMAGE}\n`);
    await shell.run('docker compose up --detach --build --wait', folder);
  });
  afterAll(() => shell.run('docker compose down --volumes --timeout 1', folder));

  it.each(commandsOf(SOCKET_PAGE))('%s', async (_name, { text }) => {
    await shell.run(text, folder);
  });
});

describe('in the checkout and in a project', () => {
  const project = join(shell.folder, 'sales');

  beforeAll(async () => {
    await shell.run(`mxcp init '${project}'`, shell.folder);
    await addPackages();
  });
  afterAll(async () => {
    await tryDocker('rm', '--force', 'sales');
  });

  it.each(commandsOf('docs/operations/deployment.md'))(
    '%s',
    async (_name, { text }) => {
      const isBuild = text.startsWith('docker build');
      const folder = text.startsWith('mxcp init') ? shell.folder : project;
      await shell.run(text, isBuild ? repository : folder);
    },
    600_000,
  );
});

/** What pip finds where the build has no network. The image is built on this base only here, because it is larger. */
async function addPackages(): Promise<void> {
  const context = join(shell.folder, 'packages');
  mkdirSync(context);
  const options = ['--quiet', '--only-binary=:all:', '--python-version=3.11'];
  await succeed('python3', ['-m', 'pip', 'download', ...options, 'numpy', 'pandas'], { cwd: context });
  const lines = [
    'FROM mxcp-containers/debian',
    'COPY *.whl /opt/wheels/',
    `RUN printf '[global]\\nno-index = true\\nfind-links = /opt/wheels\\n' > /etc/pip.conf`,
  ];
  writeFileSync(join(context, 'Dockerfile'), lines.join('\n'));
  const base = await succeed('grep', ['-oP', '^ARG DEBIAN_IMAGE=\\K.*', join(repository, 'Dockerfile')]);
  await docker('build', '--tag', base, context);
}
