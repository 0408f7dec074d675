// Owns the server and the folder of the demo, in a process of its own that outlives the demo: when standard input ends, because
// the demo has ended in whatever way, it stops the server and removes the folder.
// Arguments: the folder, then the command of the server.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';

const KILL_AFTER_MS = 15_000;
const [folder, command, ...options] = process.argv.slice(2);

// Ctrl-C and the end of a terminal reach the demo, which then closes standard input.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

const server = spawn(command, options, { stdio: ['ignore', 'ignore', 'inherit'] });
server.once('error', () => process.exit(1));
server.once('exit', (code) => process.exit(code ?? 1));
process.stdin.resume().once('close', stop).once('error', stop);

function stop() {
  server.kill('SIGTERM');
  setTimeout(() => server.kill('SIGKILL'), KILL_AFTER_MS).unref();
}
