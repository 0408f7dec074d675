import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SETTINGS, type Setting } from '../../../src/settings/index.js';
import { version } from '../../../src/version/index.js';
import { repository } from '../docs/doc-blocks.js';

// How the image behaves is tested by `npm run test:containers`; here is what every change can break without Docker.
const dockerfile = readFileSync(join(repository, 'Dockerfile'), 'utf8');
const allowed = readFileSync(join(repository, '.dockerignore'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

function argumentOf(name: string): string | undefined {
  return new RegExp(`^ARG ${name}=(.*)$`, 'm').exec(dockerfile)?.[1];
}

describe('the Dockerfile', () => {
  it('names each base with its full version', () => {
    expect(argumentOf('NODE_IMAGE')).toMatch(/^docker\.io\/library\/node:\d+\.\d+\.\d+-bookworm-slim$/);
    expect(argumentOf('DEBIAN_IMAGE')).toMatch(/^docker\.io\/library\/debian:\d+\.\d+-slim$/);
    expect([...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, base]) => base)).toEqual([
      '${NODE_IMAGE}',
      '${NODE_IMAGE}',
      '${DEBIAN_IMAGE}',
    ]);
  });

  it('labels the image with the version of the package', () => {
    expect(argumentOf('MXCP_VERSION')).toBe(version);
  });

  it('sets only variables that the server has', () => {
    const variables = Object.values<Setting<unknown>>(SETTINGS).flatMap(({ variable }) => variable ?? []);
    const set = [...dockerfile.matchAll(/^(?:ENV| +)\s*(MXCP_\w+)=/gm)].map(([, name]) => name);
    expect(set).toContain('MXCP_ADMIN_ENABLED');
    expect(variables).toEqual(expect.arrayContaining(set));
  });

  it('runs as a user other than root', () => {
    expect(/^USER (\S+)$/m.exec(dockerfile)?.[1]).toBe('mxcp:mxcp');
  });
});

describe('the build context', () => {
  it('has every path that the build reads or keeps, and each of them exists', () => {
    const [, kept = ''] = /mv (.*) \/opt\/mxcp\//.exec(dockerfile) ?? [];
    const needed = [...kept.split(' ').filter((path) => path !== 'dist'), 'package-lock.json', 'scripts', 'src'];
    expect(allowed).toEqual(expect.arrayContaining(needed));
    expect(allowed.filter((path) => !existsSync(join(repository, path)))).toEqual([]);
  });

  it('has nothing that was installed, built or filled in on this machine', () => {
    expect(allowed.filter((path) => /node_modules|dist|\.git|\.env|secrets|data/.test(path))).toEqual([]);
  });
});
