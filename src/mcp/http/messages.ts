import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isJsonContentType, ProtocolErrorCode } from '@modelcontextprotocol/server';

export type MessageId = string | number;

export function isMessageId(value: unknown): value is MessageId {
  return typeof value === 'string' || typeof value === 'number';
}

/** The code JSON-RPC leaves to servers, for refusals that have none of their own. */
export const REFUSED = -32_000;
export const PARSE_ERROR = ProtocolErrorCode.ParseError;

export interface Refusal {
  readonly status: number;
  readonly code: number;
  readonly message: string;
  readonly id?: MessageId | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

export const METHOD_NOT_ALLOWED: Refusal = {
  status: 405,
  code: REFUSED,
  message: 'Method not allowed',
  headers: { allow: 'GET, POST, DELETE' },
};

export const CLOSING: Refusal = {
  status: 503,
  code: REFUSED,
  message: 'The server is shutting down',
  headers: { 'retry-after': '5', connection: 'close' },
};

export const INTERNAL_ERROR: Refusal = {
  status: 500,
  code: ProtocolErrorCode.InternalError,
  message: 'Internal error',
};

/** An error response that answers no message in particular, or the one with `id`. */
export function refusal({ status, code, message, id, headers }: Refusal): Response {
  return Response.json(
    { jsonrpc: '2.0', error: { code, message }, id: id ?? null },
    { status, ...(headers !== undefined && { headers }) },
  );
}

/** A parsed body: one message or, in the older protocols, a list of them. What is in it is for the SDK to judge. */
export type MessageBody = { readonly parsed: unknown } | { readonly refused: Refusal };

/** Larger bodies are refused: 4 MiB is what the SDK allows too. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

/** How much of a body that is too large is read and thrown away, so that its sender gets to see the answer. */
const MAX_DISCARDED_BYTES = 64 * 1024 * 1024;

const TOO_LARGE: Refusal = { status: 413, code: REFUSED, message: 'The body is larger than 4 MiB' };
const NOT_JSON: Refusal = {
  status: 415,
  code: REFUSED,
  message: 'Content-Type must be application/json, without Content-Encoding',
};
// The parser's own message quotes the body; the client knows what it sent.
const MALFORMED: Refusal = {
  status: 400,
  code: PARSE_ERROR,
  message: 'Parse error: the body is not valid JSON',
};

const NOT_UTF8: Refusal = {
  status: 400,
  code: PARSE_ERROR,
  message: 'Parse error: the body is not valid UTF-8',
};

/** Reads and parses the body once. Rejects only when the client goes away. */
export async function readMessageBody(incoming: IncomingMessage): Promise<MessageBody> {
  if (!isJsonContentType(incoming.headers['content-type'] ?? null) || incoming.headers['content-encoding']) {
    return { refused: NOT_JSON };
  }
  const bytes = await readBounded(incoming);
  return bytes === undefined ? { refused: TOO_LARGE } : parseMessage(bytes);
}

async function readBounded(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    // A request without an encoding set gives buffers; the type of the iterator does not know that.
    const buffer = chunk as Buffer;
    size += buffer.length;
    // Leaving the loop early destroys the connection.
    if (size > MAX_DISCARDED_BYTES) return undefined;
    if (size <= MAX_BODY_BYTES) chunks.push(buffer);
    else chunks.length = 0;
  }
  if (size > MAX_BODY_BYTES) return undefined;
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

function parseMessage(bytes: Buffer): MessageBody {
  if (!isUtf8(bytes)) return { refused: NOT_UTF8 };
  try {
    return { parsed: JSON.parse(bytes.toString('utf8')) };
  } catch {
    return { refused: MALFORMED };
  }
}

interface Message {
  readonly method?: unknown;
  readonly id?: unknown;
  readonly params?: unknown;
}

export function messagesOf(parsed: unknown): readonly Message[] {
  const list: readonly unknown[] = Array.isArray(parsed) ? parsed : [parsed];
  return list.filter((item): item is Message => typeof item === 'object' && item !== null);
}

/** The ids of the requests in a body. */
export function requestIdsOf(parsed: unknown): readonly MessageId[] {
  return messagesOf(parsed).flatMap(({ method, id }) =>
    typeof method === 'string' && isMessageId(id) ? [id] : [],
  );
}

/** The ids of the requests that a body cancels. */
export function cancelledIdsOf(parsed: unknown): readonly MessageId[] {
  return messagesOf(parsed).flatMap(({ method, params }) => {
    if (method !== 'notifications/cancelled' || typeof params !== 'object' || params === null) return [];
    return 'requestId' in params && isMessageId(params.requestId) ? [params.requestId] : [];
  });
}

export function hasMethod(parsed: unknown, wanted: string): boolean {
  return messagesOf(parsed).some(({ method }) => method === wanted);
}
