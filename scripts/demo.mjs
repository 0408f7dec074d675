// Serves examples/earthquakes, shows what the server and its admin socket do, and keeps serving until it is stopped.
// `--once` ends after the tour, `--port N` chooses a port. Needs the built command (`npm start` builds it).
import { parseArgs } from 'node:util';
import { loadData } from '../examples/earthquakes/load-data.mjs';
import { freePort } from './demo/free-port.mjs';
import { ServerProcess } from './demo/server-process.mjs';
import { say, showCommands } from './demo/terminal.mjs';
import { showTour } from './demo/tour.mjs';
import { createWorkspace } from './demo/workspace.mjs';

const { values: options } = parseArgs({
  options: { once: { type: 'boolean', default: false }, port: { type: 'string', default: '8000' } },
});

const stopRequested = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => resolve('stop'));
  // No reader is left: the terminal was closed, or the pipe leads to a program that has read enough.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => resolve('stop'));
});

// An open connection of an interrupted tour must not keep the process alive.
process.exit(await run());

async function run() {
  let workspace;
  let server;
  try {
    say.title('mxcp: a week of earthquakes, the airports of the United States, and the weather in Seattle');
    const { built } = await loadData();
    say.fact('data', built ? 'loaded from vega-datasets' : 'already built');
    workspace = createWorkspace();
    server = new ServerProcess(workspace);
    await Promise.race([serve(workspace, server), stopRequested]);
    return 0;
  } catch (error) {
    say.failure(error.message);
    return 1;
  } finally {
    await server?.stop();
    workspace?.remove();
  }
}

async function serve(workspace, server) {
  const wanted = Number(options.port);
  const port = await freePort(wanted);
  if (port !== wanted) say.fact('port', `${wanted} is taken; using ${port}`);
  say.fact('server', 'starting, with DuckDB and two Python processes …');
  const url = await server.start(port);
  await showTour({ url, workspace });
  if (options.once) return;
  showCommands({ url, workspace });
  server.showLog();
  await server.ended;
}
