import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, realpathSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LAUNCHER, runMxcp, SMALL_PROJECT, temporaryFolder } from './mxcp-process.js';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.dispose());

it('works as a program of its own', () => {
  expect(execFileSync(LAUNCHER, ['--version'], { encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
});

it('works through a symbolic link, and through a link to a link in another folder', () => {
  const near = join(folder.path, 'near');
  const far = join(folder.path, 'bin', 'mxcp');
  mkdirSync(dirname(far));
  symlinkSync(LAUNCHER, near);
  symlinkSync('../near', far);
  for (const link of [near, far]) {
    expect(execFileSync(link, ['--version'], { encoding: 'utf8' })).toMatch(/^\d+\.\d+\.\d+\n$/);
  }
});

it('says what to do in a checkout that was not built', async () => {
  cpSync(dirname(LAUNCHER), join(folder.path, 'bin'), { recursive: true });
  const { stderr, code } = await runMxcp(['--version'], { launcher: join(folder.path, 'bin/mxcp') });
  expect(stderr).toBe('mxcp: not built yet; run `npm run build` in the checkout first\n');
  expect(code).toBe(70);
});

it('works installed from the package', async () => {
  const npm = (args: readonly string[], cwd: string): void => {
    execFileSync('npm', [...args, '--silent', '--no-audit', '--no-fund'], { cwd, stdio: 'pipe' });
  };
  // Without its scripts: they would build again, under the hands of other tests.
  npm(['pack', '--ignore-scripts', '--pack-destination', folder.path], ROOT);
  const [tarball = ''] = readdirSync(folder.path).filter((name) => name.endsWith('.tgz'));
  npm(['install', '--prefer-offline', '--prefix', folder.path, join(folder.path, tarball)], folder.path);
  const installed = join(folder.path, 'node_modules/.bin/mxcp');
  expect(realpathSync(installed)).toContain('node_modules/mxcp/bin/mxcp');
  const project = temporaryFolder(SMALL_PROJECT);
  const { stdout } = await runMxcp(['run', 'tool', 'add', '-p', 'a=41', '--json-output'], {
    cwd: project.path,
    launcher: installed,
  });
  project.dispose();
  expect(JSON.parse(stdout)).toEqual({ status: 'ok', result: { sum: 42 } });
});

it('reads env files itself, where Node would take the option for its own', async () => {
  const project = temporaryFolder(SMALL_PROJECT);
  const missing = join(project.path, 'gone.env');
  const started = spawnSync(LAUNCHER, ['serve', '--env-file', missing], { cwd: project.path, encoding: 'utf8' });
  project.dispose();
  expect(started.stderr).toContain(`${missing}: the env file does not exist`);
  expect(started.status).toBe(2);
});
