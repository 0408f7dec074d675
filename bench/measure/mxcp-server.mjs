import { createServer } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { MeasuredProcess } from './child-process.mjs';
import { HttpConnection } from './http-connection.mjs';
import { get } from './mcp-requests.mjs';

const COMMAND = fileURLToPath(new URL('../../bin/mxcp', import.meta.url));

/** The built command, serving one project. Its creator stops it. */
export class MxcpServer extends MeasuredProcess {
  #project;

  constructor(project, { port, args = [], nodeArgs = [], env = {} }) {
    const socket = ['--admin-socket', project.socket, '--admin-strict'];
    super([...nodeArgs, COMMAND, 'serve', ...socket, '--port', String(port), ...args], {
      cwd: project.folder,
      env: { MXCP_CONFIG: project.userConfig, ...env },
    });
    this.#project = project;
    this.mcp = { host: 'localhost', port };
    this.admin = { path: project.socket };
  }

  static async start(project, options = {}) {
    return new MxcpServer(project, { ...options, port: await freePort() });
  }

  /** Returns the milliseconds from the start of the process until `/readyz` succeeded. */
  ready() {
    return this.until(() => answersOk({ path: this.#project.socket }, get('/readyz')));
  }
}

/** Whether one request on a new connection is answered with 200. */
export async function answersOk(target, request) {
  try {
    const connection = await HttpConnection.open(target);
    const { status } = await connection.send(request);
    connection.close();
    return status === 200;
  } catch {
    return false; // the server does not listen yet
  }
}

export async function freePort() {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
