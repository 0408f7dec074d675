import { once } from 'node:events';
import { request } from 'node:http';

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

interface RawRequest {
  readonly method?: string;
  /** As flat pairs, so that a header may come twice. */
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** Sends a request exactly as it is written, which `fetch` does not. */
export async function send(
  url: string,
  { method = 'GET', headers = [], body = '' }: RawRequest = {},
): Promise<RawAnswer> {
  const pairs = headers.includes('host') ? headers : ['host', new URL(url).host, ...headers];
  const sent = request(url, { method, headers: [...pairs] }).end(body);
  const answered = once(sent, 'response');
  // An answer may come before the body is sent; the connection may then break.
  sent.on('error', () => {});
  const [response] = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() };
}

/** A message of MCP. */
export function postMessage(url: string, message: object, headers: readonly string[] = []): Promise<RawAnswer> {
  const body = JSON.stringify(message);
  const always = ['content-type', 'application/json', 'accept', 'application/json, text/event-stream'];
  return send(url, { method: 'POST', body, headers: [...always, 'content-length', String(body.length), ...headers] });
}

export function callOf(name: string, parameters: object = {}): object {
  return { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: parameters } };
}
