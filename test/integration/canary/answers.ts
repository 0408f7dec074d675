import { request } from 'node:http';
import { type RouteContract, ROUTES as CONTRACT } from '../../../src/contract/index.js';
import type { TemporaryProject } from '../../kit/projects/temporary-project.js';

/** One request to the admin socket, and all that comes back: status, headers, body. */
export function ask(project: TemporaryProject, path: string, method = 'GET', body = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request({
      socketPath: project.socketPath,
      path,
      method,
      agent: false,
      headers: { Host: 'localhost' },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = `${response.statusCode} ${JSON.stringify(response.rawHeaders)}\n`;
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
    });
    sent.end(body);
  });
}

/** Every route of the contract that can be asked without a body and whose answer ends, and one that is none. */
export const ROUTES = [
  ...Object.values<RouteContract>(CONTRACT)
    .filter(({ method, stream }) => method === 'GET' && stream === undefined)
    .map(({ path }) => path.replace('{id}', 'unknown')),
  '/nothing',
];

/** Reads a route that streams, from now until the server ends it. */
export function follow(project: TemporaryProject, path: string): { readonly text: () => string } {
  let text = '';
  const sent = request({ socketPath: project.socketPath, path, agent: false, headers: { Host: 'localhost' } });
  sent.on('response', (response) => response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)));
  sent.end();
  return { text: () => text };
}

/** What a client receives. A successful answer contains the canary because the call asked for it. */
export async function failure(answer: Promise<unknown>): Promise<string> {
  try {
    return `no failure: ${JSON.stringify(await answer)}`.replaceAll('canary', '');
  } catch (error) {
    return error instanceof Error ? `${error.message} ${JSON.stringify(error)}` : String(error);
  }
}
