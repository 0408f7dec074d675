import { STATUS_CODES, type ServerResponse } from 'node:http';

/** What a route or an error answers with, before it is bytes. */
export interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Writes the answer of a request; does nothing when the caller is gone. `lastOne` ends the connection after it. */
export function writeReply(response: ServerResponse, reply: Reply, lastOne: boolean): void {
  if (response.destroyed || response.headersSent) return;
  const body = toBody(reply);
  response.writeHead(reply.status, {
    ...toHeaders(reply, body),
    ...(lastOne ? { Connection: 'close' } : {}),
  });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}

/** The same answer for bytes that never became a request. */
export function toRawReply(reply: Reply): string {
  const body = toBody(reply);
  const headers = Object.entries({ ...toHeaders(reply, body), Connection: 'close' });
  return [
    `HTTP/1.1 ${reply.status} ${STATUS_CODES[reply.status] ?? ''}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '',
    body,
  ].join('\r\n');
}

function toBody(reply: Reply): string {
  return `${JSON.stringify(reply.body)}\n`;
}

function toHeaders(reply: Reply, body: string): Record<string, string | number> {
  return {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...reply.headers,
  };
}
