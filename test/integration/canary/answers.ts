import { request } from 'node:http';
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

/** Every route that can be asked without a body, and one that is none. */
export const ROUTES = [
  '/',
  '/health',
  '/livez',
  '/readyz',
  '/startupz',
  '/status',
  '/metrics',
  '/config',
  '/endpoints',
  '/reloads',
  '/openapi.json',
  '/nothing',
];

/** What a client receives. A successful answer contains the canary because the call asked for it. */
export async function failure(answer: Promise<unknown>): Promise<string> {
  try {
    return `no failure: ${JSON.stringify(await answer)}`.replaceAll('canary', '');
  } catch (error) {
    return error instanceof Error ? `${error.message} ${JSON.stringify(error)}` : String(error);
  }
}
