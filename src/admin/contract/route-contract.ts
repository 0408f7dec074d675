import type { z } from 'zod';
import { ERROR_CODES, httpStatusOf, type ErrorCode } from '../../errors/index.js';
import { errorBody } from './error-schemas.js';

export interface ResponseContract {
  readonly schema: z.ZodType;
  readonly doc: string;
  /** Names of headers that this answer carries beside the usual ones. */
  readonly headers?: readonly string[];
}

/** One line of the table that the router, the OpenAPI document and the client are made from. */
export interface RouteContract {
  readonly method: 'GET' | 'POST';
  /** A segment in braces is a parameter, e.g. `/reloads/{id}`. */
  readonly path: string;
  readonly tag: 'probes' | 'status' | 'reload' | 'config' | 'endpoints' | 'contract';
  readonly doc: string;
  /** Whether the probe socket serves it too. */
  readonly probe: boolean;
  /** Query options by name; a route takes no others. */
  readonly query: z.ZodObject;
  /** What a JSON body may hold; routes without one ignore what is sent. */
  readonly body?: z.ZodObject;
  readonly responses: Readonly<Record<number, ResponseContract>>;
}

export interface ErrorResponseContract<S extends z.ZodType> extends ResponseContract {
  readonly schema: S;
}

/** An error answer: its codes all have the same HTTP status, and the documentation lists them. */
export function errorResponse(codes: readonly ErrorCode[]): ErrorResponseContract<typeof errorBody> {
  return errorResponseWith(errorBody, codes);
}

/** An error answer that carries more than code and message. */
export function errorResponseWith<S extends z.ZodType>(
  schema: S,
  codes: readonly ErrorCode[],
): ErrorResponseContract<S> {
  return {
    schema,
    doc: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].doc}`).join('\n'),
    headers: codes.some((code) => httpStatusOf(code) === 503) ? ['Retry-After'] : [],
  };
}

/** What any route may answer, whatever it does. */
export const commonErrors = {
  400: errorResponse(['bad_request']),
  403: errorResponse(['forbidden_origin', 'read_only_socket']),
  405: { ...errorResponse(['method_not_allowed']), headers: ['Allow'] },
  408: errorResponse(['request_timeout']),
  413: errorResponse(['body_too_large']),
  431: errorResponse(['headers_too_large']),
  500: errorResponse(['internal']),
  503: errorResponse(['server_starting', 'server_closing', 'server_busy']),
} as const;
