import { ProtocolErrorCode } from '@modelcontextprotocol/server';
import { OUT_OF_ROTATION } from '../draining.js';

export type MessageId = string | number;

/** The code JSON-RPC leaves to servers, for refusals that have none of their own. */
export const REFUSED = -32_000;

/** An error response of JSON-RPC, with the HTTP status it is sent with. */
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

/** A proxy on the way may have checked another one than this server would. */
export const TWO_HOSTS: Refusal = { status: 400, code: REFUSED, message: 'The request has more than one Host header' };

/** A client of 2025 takes the status for the end of its session, and initializes again. */
export const SESSION_ENDED: Refusal = {
  status: 404,
  code: -32_001,
  message: 'Session not found: it has ended; initialize again',
};

export const CLOSING: Refusal = {
  status: 503,
  code: REFUSED,
  message: 'The server is shutting down',
  headers: { 'retry-after': '5', connection: 'close' },
};

/** The connection ends too, so that the next request of a client behind a load balancer reaches another server. */
export const DRAINING: Refusal = { ...CLOSING, message: OUT_OF_ROTATION };

export const INTERNAL_ERROR: Refusal = {
  status: 500,
  code: ProtocolErrorCode.InternalError,
  message: 'Internal error',
};

/**
 * The response of a refusal: to the message with `id`, or to no message in particular. MCP knows no `id: null`, which JSON-RPC
 * has for that case.
 */
export function toResponse({ status, code, message, id, headers }: Refusal): Response {
  return Response.json(
    { jsonrpc: '2.0', id, error: { code, message } },
    { status, ...(headers !== undefined && { headers }) },
  );
}

export const TOO_LARGE: Refusal = { status: 413, code: REFUSED, message: 'The body is larger than 4 MiB' };
export const NOT_JSON: Refusal = {
  status: 415,
  code: REFUSED,
  message: 'Content-Type must be application/json, without Content-Encoding',
};
// Not the message of the parser, which quotes the body.
export const MALFORMED: Refusal = {
  status: 400,
  code: ProtocolErrorCode.ParseError,
  message: 'Parse error: the body is not valid JSON',
};

export const NOT_UTF8: Refusal = {
  status: 400,
  code: ProtocolErrorCode.ParseError,
  message: 'Parse error: the body is not valid UTF-8',
};
