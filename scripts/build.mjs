// Compiles src/, then bundles the command into a few files. Everything is built in a folder of its own, which takes the place
// of dist/ at the end: an interrupted build leaves the earlier one as it was, and no compiled file of a deleted source.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const UNFINISHED = /^\.build-(\d+)(-earlier)?$/;
const folder = join(root, `.build-${process.pid}`);
let compiler;

process.on('exit', () => {
  endCompiler();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
// The build continues when its reader has gone.
process.stderr.on('error', () => {});

removeUnfinished();
report('compiling');
await compile();
// The files of the Python worker, beside the compiled code that starts it.
cpSync(join(root, 'src/python/worker'), join(folder, 'python/worker'), {
  recursive: true,
  filter: (path) => !path.endsWith('__pycache__'),
});
report('bundling');
const { bundleCommand } = await import('./build/bundle-command.mjs');
await bundleCommand(folder);
takePlace();
report('ready');

function report(activity) {
  process.stderr.write(`build: ${activity}\n`);
}

/** The compiler is in a process group of its own, so that it ends with this program and with everything that it starts. */
async function compile() {
  const script = join(root, 'node_modules/typescript/bin/tsc');
  const options = [script, '-p', 'tsconfig.build.json', '--outDir', folder];
  compiler = spawn(process.execPath, options, { cwd: root, stdio: 'inherit', detached: true });
  const [code] = await once(compiler, 'exit');
  compiler = undefined;
  if (code !== 0) process.exit(1);
}

function endCompiler() {
  if (compiler?.pid === undefined) return;
  try {
    process.kill(-compiler.pid, 'SIGKILL');
  } catch {
    // It has ended in the meantime.
  }
}

/** What builds have left that were killed. */
function removeUnfinished() {
  for (const name of readdirSync(root)) {
    const pid = UNFINISHED.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(root, name), { recursive: true, force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function takePlace() {
  const target = join(root, 'dist');
  const earlier = `${folder}-earlier`;
  if (existsSync(target)) renameSync(target, earlier);
  renameSync(folder, target);
  rmSync(earlier, { recursive: true, force: true });
}
