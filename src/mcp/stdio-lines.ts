import { isUtf8 } from 'node:buffer';
import {
  type JSONRPCMessage,
  parseJSONRPCMessage,
  ProtocolErrorCode,
  type RequestId,
} from '@modelcontextprotocol/server';
import { isMessageId, parseMessageText } from './mcp-server.js';
import { OversizedMessage } from './refused-parameters.js';

/** A longer message ends the connection, because the start of the next message could not be found. */
export const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;

const LINE_END = 0x0a;

/** Cuts what arrives into lines. */
export class LineReader {
  #chunks: Buffer[] = [];
  #size = 0;

  /** Whether a line is longer than a message may be. Nothing can be read after it. */
  get isOverLimit(): boolean {
    return this.#size > MAX_MESSAGE_BYTES;
  }

  /** Undefined for a line whose bytes are not UTF-8: they could mean anything. */
  *read(chunk: Buffer): Generator<string | undefined> {
    let start = 0;
    for (let end = chunk.indexOf(LINE_END); end !== -1; end = chunk.indexOf(LINE_END, start)) {
      const bytes = Buffer.concat([...this.#chunks, chunk.subarray(start, end)]);
      const line = isUtf8(bytes) ? bytes.toString('utf8') : undefined;
      start = end + 1;
      this.#chunks = [];
      this.#size = 0;
      if (line?.trim() !== '') yield line;
    }
    this.#chunks.push(chunk.subarray(start));
    this.#size += chunk.length - start;
  }
}

/** A message, or why something is none. */
export type ReadMessage = { readonly message: JSONRPCMessage } | UnreadableMessage;

export interface UnreadableMessage {
  readonly code: number;
  readonly reason: string;
  readonly id: RequestId | undefined;
  /** Whether it looks like an answer of the client, which is not answered. */
  readonly isAnswer: boolean;
}

const NOT_JSON: UnreadableMessage = {
  code: ProtocolErrorCode.ParseError,
  reason: 'Parse error: a line of the input is not valid JSON',
  id: undefined,
  isAnswer: false,
};

const NOT_UTF8: UnreadableMessage = { ...NOT_JSON, reason: 'Parse error: a line of the input is not valid UTF-8' };

/** What a line has: one message, or a list of them where the revision of the connection allows lists and this is one with items. */
export function readLine(line: string | undefined, takesLists: boolean): ReadMessage | readonly ReadMessage[] {
  if (line === undefined) return NOT_UTF8;
  let parsed: unknown;
  try {
    parsed = parseMessageText(line);
  } catch (error) {
    // The error of the parser would quote the line, which may hold anything.
    return error instanceof OversizedMessage ? unreadable(error.parsed, error.message) : NOT_JSON;
  }
  return takesLists && Array.isArray(parsed) && parsed.length > 0 ? parsed.map(readMessage) : readMessage(parsed);
}

function readMessage(parsed: unknown): ReadMessage {
  try {
    return { message: parseJSONRPCMessage(parsed) };
  } catch {
    return unreadable(parsed, 'Invalid request: a line of the input is not a JSON-RPC message');
  }
}

function unreadable(parsed: unknown, reason: string): UnreadableMessage {
  const fields: object = typeof parsed === 'object' && parsed !== null ? parsed : {};
  const id: unknown = 'id' in fields ? fields.id : undefined;
  return {
    code: ProtocolErrorCode.InvalidRequest,
    reason,
    id: isMessageId(id) ? id : undefined,
    isAnswer: !('method' in fields) && ('result' in fields || 'error' in fields),
  };
}
