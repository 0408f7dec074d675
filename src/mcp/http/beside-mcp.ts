import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Reply, writeReply } from '../../http/index.js';
import { MCP_HEADERS } from './http-exchange.js';

/** A path of the MCP port at which nothing is. */
export const NOT_FOUND: Reply = {
  status: 404,
  headers: { 'content-type': 'application/json' },
  body: '{"error":"not found"}',
};

const PROBE_METHODS = new Set(['GET', 'HEAD']);
const PROBE_HEADERS = {
  'content-type': 'text/plain',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/**
 * Says only whether calls would be served, so it asks neither for a `Host` nor for an `Origin`: load balancers probe addresses.
 * Probes are neither logged nor counted as requests of clients.
 */
export async function answerProbe(
  { method = '' }: IncomingMessage,
  response: ServerResponse,
  isReady: () => Promise<boolean>,
): Promise<void> {
  const reply = (status: number, body: string, headers = {}): void =>
    writeReply(response, { status, body, headers: { ...PROBE_HEADERS, ...headers } });
  if (!PROBE_METHODS.has(method)) return reply(405, 'method not allowed\n', { allow: 'GET, HEAD' });
  // Readiness that cannot be found out is not readiness.
  const ready = await isReady().catch(() => false);
  if (ready) reply(200, 'ready\n');
  else reply(503, 'not ready\n', { 'retry-after': '1' });
}

/** Lets the page behind an `Origin` that has passed the guard read the response. */
export function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', 'mcp-session-id, mcp-protocol-version, www-authenticate');
  response.setHeader('vary', 'origin');
}

/** Answers the request that a browser sends before the request itself. */
export function answerPreflight({ headers }: IncomingMessage, response: ServerResponse): void {
  // A client of 2026-07-28 repeats arguments in headers, whose names are those of the project.
  const asked = String(headers['access-control-request-headers'] ?? '').toLowerCase();
  const ofArguments = asked.match(/\bmcp-param-[\w.-]+/g) ?? [];
  response.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
  response.setHeader('access-control-allow-headers', ['authorization', ...MCP_HEADERS, ...ofArguments].join(', '));
  response.setHeader('access-control-max-age', '600');
  response.writeHead(204).end();
}
