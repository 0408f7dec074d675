import { ProtocolErrorCode } from '@modelcontextprotocol/server';
import type { MessageId } from './message-id.js';

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
