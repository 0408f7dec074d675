// Compiles src/ to dist/, then bundles the command into a few files. It empties dist first, so that no compiled file of a
// deleted source remains.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleCommand } from './build/bundle-command.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
const compiled = spawnSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
// The files of the Python worker, beside the compiled code that starts it.
cpSync(`${root}src/python/worker`, `${root}dist/python/worker`, {
  recursive: true,
  filter: (path) => !path.endsWith('__pycache__'),
});
await bundleCommand(root);
