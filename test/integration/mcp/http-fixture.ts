import { afterEach } from 'vitest';
import { createSilentLogger, Scrubber } from '../../../src/logging/index.js';
import type { HttpListener, HttpListenerOptions } from '../../../src/mcp/http/http-listener.js';
import { startHttpListener } from '../../../src/mcp/index.js';
import { SampleCalls } from './sample-calls.js';

const open: HttpListener[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close({ deadlineMs: 0 })));
});

/** A listener on a free port of the loopback address, closed after the test. */
export async function startListener(
  options: Partial<Omit<HttpListenerOptions, 'calls'>> & { calls?: SampleCalls } = {},
): Promise<{ listener: HttpListener; calls: SampleCalls; url: string }> {
  const calls = options.calls ?? new SampleCalls();
  const listener = await startHttpListener({
    info: { name: 'sample', version: '9.8.7' },
    host: '127.0.0.1',
    port: 0,
    stateless: false,
    allowedHosts: [],
    allowedOrigins: [],
    logger: createSilentLogger(),
    scrubber: new Scrubber(),
    ...options,
    calls,
  });
  open.push(listener);
  return { listener, calls, url: listener.url };
}

/** An answer as it comes over the wire; a test looks at the half it expects. */
export interface RpcBody {
  readonly id: unknown;
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
  readonly result: {
    readonly content: unknown;
    readonly structuredContent: Readonly<Record<string, unknown>>;
    readonly isError?: boolean;
    readonly tools: readonly unknown[];
    readonly resources: unknown;
    readonly resourceTemplates: unknown;
    readonly prompts: unknown;
    readonly contents: readonly { readonly text: string }[];
    readonly description?: string;
    readonly messages: unknown;
    readonly serverInfo: unknown;
    readonly capabilities: unknown;
    readonly protocolVersion: unknown;
  };
}

export interface RpcAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: RpcBody;
}

export interface RpcOptions {
  /** What a client of 2026-07-28 declares. */
  readonly capabilities?: object;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** One raw message, the way `curl` would send it. */
export async function post(url: string, message: unknown, options: RpcOptions = {}): Promise<RpcAnswer> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...options.headers },
    body: typeof message === 'string' ? message : JSON.stringify(message),
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
}

export function request(method: string, params: object = {}, id: string | number = 1) {
  return { jsonrpc: '2.0', id, method, params };
}

export function callOf(name: string, parameters: object = {}, id: string | number = 1) {
  return request('tools/call', { name, arguments: parameters }, id);
}

export const INITIALIZE = request('initialize', {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'raw', version: '1' },
});

/** Opens a session of a 2025 protocol and returns the header that names it. */
export async function openSession(url: string): Promise<Record<string, string>> {
  const { headers } = await post(url, INITIALIZE);
  const session = { 'mcp-session-id': headers.get('mcp-session-id') ?? '' };
  await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, { headers: session });
  return session;
}

/** A message of protocol 2026-07-28, with the headers it needs. */
export function toModern(message: ReturnType<typeof request>, capabilities: object = {}) {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'raw', version: '1' },
    'io.modelcontextprotocol/clientCapabilities': capabilities,
  };
  const name = new Map(Object.entries(message.params)).get(message.method === 'resources/read' ? 'uri' : 'name');
  const headers: Record<string, string> = {
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': message.method,
    ...(name !== undefined && { 'mcp-name': String(name) }),
  };
  return { message: { ...message, params: { ...message.params, _meta: meta } }, headers };
}

export async function postModern(url: string, sent: ReturnType<typeof request>, options: RpcOptions = {}) {
  const { message, headers } = toModern(sent, options.capabilities);
  return post(url, message, { ...options, headers: { ...headers, ...options.headers } });
}
