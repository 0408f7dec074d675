import { z } from 'zod';
import { ERROR_CODES, type ErrorCode, httpStatusOf } from '../errors/index.js';
import { errorBody } from './answers.js';

export interface ResponseContract {
  readonly schema: z.ZodType;
  readonly doc: string;
  /** Whether the answer has no body. */
  readonly empty?: true;
  /** `application/json` unless given; the body of any other type is text. */
  readonly mediaType?: string;
  /** Types of text in which the answer may come instead of JSON, as the `Accept` header asks. */
  readonly textTypes?: readonly string[];
  /** Names of headers that this answer carries beside the usual ones. */
  readonly headers?: readonly string[];
}

/** One line of the table that the router, the OpenAPI document and the client are made from. */
export interface RouteContract {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** A segment in braces is a parameter, e.g. `/reloads/{id}`. */
  readonly path: string;
  readonly tag:
    | 'probes'
    | 'status'
    | 'reload'
    | 'rotation'
    | 'config'
    | 'endpoints'
    | 'project'
    | 'system'
    | 'audit'
    | 'auth'
    | 'contract';
  readonly doc: string;
  /** Whether the probe socket serves it too. */
  readonly probe?: true;
  /** Whether only the user who runs the server may use it, who proves it with the token of the owner file. */
  readonly owner?: true;
  /** Query options by name; a route takes no others. Probes ignore all, because load balancers add some. */
  readonly query: z.ZodObject;
  /** Whether it answers with server-sent events until either side ends them. */
  readonly stream?: true;
  /** Headers of a request that the route knows, each with its meaning. */
  readonly requestHeaders?: Readonly<Record<string, string>>;
  /** What a JSON body may hold; routes without one ignore what is sent. */
  readonly body?: z.ZodObject;
  /** How large that may be, where more is needed than usual. */
  readonly bodyBytes?: number;
  readonly responses: Readonly<Record<number, ResponseContract>>;
}

/** An error answer: its codes all have the same HTTP status, and the documentation lists them. */
export function errorResponse<S extends z.ZodType>(schema: S, codes: readonly ErrorCode[]) {
  return {
    schema,
    doc: codes.map((code) => `\`${code}\`: ${ERROR_CODES[code].doc}`).join('\n'),
    headers: codes.some((code) => [429, 503].includes(httpStatusOf(code))) ? ['Retry-After'] : [],
  };
}

/** What any route may answer, whatever it does. */
export const commonErrors = {
  400: errorResponse(errorBody, ['bad_request']),
  403: errorResponse(errorBody, ['forbidden_origin', 'read_only_socket']),
  405: { ...errorResponse(errorBody, ['method_not_allowed']), headers: ['Allow'] },
  408: errorResponse(errorBody, ['request_timeout']),
  413: errorResponse(errorBody, ['body_too_large']),
  431: errorResponse(errorBody, ['headers_too_large']),
  500: errorResponse(errorBody, ['internal']),
  503: errorResponse(errorBody, ['server_starting', 'server_closing', 'server_busy']),
} as const;

/** What a GET that answers with server-sent events always has. */
export function streaming<S extends z.ZodType>(schema: S, doc: string) {
  return {
    method: 'GET',
    stream: true,
    responses: {
      ...commonErrors,
      200: { schema, doc, mediaType: 'text/event-stream' },
      503: errorResponse(errorBody, ['server_starting', 'server_closing', 'server_busy', 'too_many_streams']),
    },
  } as const;
}

/** What a GET without options always has. */
export function reading<S extends z.ZodType>(schema: S, doc: string) {
  return { method: 'GET', query: z.strictObject({}), responses: { ...commonErrors, 200: { schema, doc } } } as const;
}
