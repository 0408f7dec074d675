// Compiles src/ to dist/, then puts what the command loads into few files. Starts from an empty dist so that a deleted
// source never lives on as a compiled file.
import { spawnSync } from 'node:child_process';
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundleCommand } from './build/bundle-command.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });
const compiled = spawnSync('npx', ['tsc', '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
// What Python runs, beside the compiled code that starts it.
cpSync(`${root}src/python/worker`, `${root}dist/python/worker`, {
  recursive: true,
  filter: (path) => !path.endsWith('__pycache__'),
});
await bundleCommand(root);
