import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { waitFor } from '../cli/mxcp-process.js';

const repository = fileURLToPath(new URL('../../..', import.meta.url));

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a build that %s ends leaves the earlier build, no compiler and no folder',
  async (signal) => {
    const command = join(repository, 'dist/command/main.js');
    const builtAt = statSync(command).mtimeMs;
    const build = spawn(process.execPath, ['scripts/build.mjs'], {
      cwd: repository,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(build, 'close');
    let output = '';
    build.stderr.on('data', (chunk) => (output += String(chunk)));
    const children = `/proc/${build.pid}/task/${build.pid}/children`;
    await waitFor(() => readFileSync(children, 'utf8') !== '', 'the compiler to run');
    const compiler = Number(readFileSync(children, 'utf8').trim());
    expect(output).toContain('build: compiling');

    build.kill(signal);

    expect(await ended).toEqual([1, null]);
    await waitFor(() => !existsSync(`/proc/${compiler}`), 'the compiler to end');
    expect(readdirSync(repository)).not.toContain(`.build-${build.pid}`);
    expect(statSync(command).mtimeMs).toBe(builtAt);
  },
);
