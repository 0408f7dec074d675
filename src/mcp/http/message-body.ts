import type { IncomingMessage } from 'node:http';
import { isJsonContentType } from '@modelcontextprotocol/server';
import { PARSE_ERROR, REFUSED, type Refusal } from './json-rpc-error.js';

export type MessageId = string | number;

/** A parsed body: one message or, in the older protocols, a list of them. What is in it is for the SDK to judge. */
export type MessageBody = { readonly parsed: unknown } | { readonly refused: Refusal };

/** Larger bodies are refused: 4 MiB is what the SDK allows too. */
const MAX_BODY_BYTES = 4 * 1024 * 1024;

const TOO_LARGE: MessageBody = {
  refused: {
    status: 413,
    code: REFUSED,
    message: 'The body is larger than 4 MiB',
    headers: { connection: 'close' },
  },
};

/** Reads and parses the body once. Rejects only when the client goes away. */
export async function readMessageBody(incoming: IncomingMessage): Promise<MessageBody> {
  if (!isJsonContentType(incoming.headers['content-type'] ?? null) || incoming.headers['content-encoding']) {
    const message = 'Content-Type must be application/json, without Content-Encoding';
    return { refused: { status: 415, code: REFUSED, message, headers: { connection: 'close' } } };
  }
  if (Number(incoming.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return TOO_LARGE;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming) {
    // A request without an encoding set gives buffers; the type of the iterator does not know that.
    const buffer = chunk as Buffer;
    bytes += buffer.length;
    if (bytes > MAX_BODY_BYTES) return TOO_LARGE;
    chunks.push(buffer);
  }
  return parseMessage(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
}

function parseMessage(bytes: Buffer): MessageBody {
  try {
    return { parsed: JSON.parse(bytes.toString('utf8')) };
  } catch {
    // The parser's message quotes the body; the client knows what it sent.
    return {
      refused: { status: 400, code: PARSE_ERROR, message: 'Parse error: the body is not valid JSON' },
    };
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

function isMessageId(value: unknown): value is MessageId {
  return typeof value === 'string' || typeof value === 'number';
}
