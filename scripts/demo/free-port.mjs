import { createServer } from 'node:net';

const ATTEMPTS = 50;

/** The first free port of this machine, starting from `wanted`. */
export async function freePort(wanted) {
  for (let port = wanted; port < wanted + ATTEMPTS; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${wanted} to ${wanted + ATTEMPTS - 1}; choose another one with --port`);
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, 'localhost', () => probe.close(() => resolve(true)));
  });
}
