import type { BodyOf, Inside, QueryOf, ResponseOf, RouteName, ROUTES, SchemaOf, SuccessOf } from '../contract/index.js';
import { type ErrorCode, MxcpError, type MxcpErrorOptions } from '../errors/index.js';
import type { StreamReply } from './event-stream.js';

export interface RouteRequest<Name extends RouteName> {
  readonly query: QueryOf<Name>;
  readonly body: BodyOf<Name>;
  readonly pathParameters: Readonly<Record<string, string>>;
  /** The first value of a header, by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  readonly fromCli: boolean;
  /** Aborts when the caller goes away or the admin server closes. */
  readonly signal: AbortSignal;
}

/** Where the contract lists types of text; the handler then sends a `Content-Type` too. */
type TextOf<Name extends RouteName, Status extends SuccessOf<Name>> =
  ResponseOf<Name, Status> extends { readonly textTypes: readonly string[] } ? string : never;

/** What a route answers with when it does not throw: one of the successes that its contract lists. */
export type RouteReply<Name extends RouteName> = {
  [Status in SuccessOf<Name>]: {
    readonly status: Status;
    readonly body: Inside<SchemaOf<Name, Status>> | TextOf<Name, Status>;
    readonly headers?: Readonly<Record<string, string>>;
  };
}[SuccessOf<Name>];

type Answer<Name extends RouteName> = (typeof ROUTES)[Name] extends { readonly stream: true }
  ? StreamReply
  : RouteReply<Name>;

export type RouteHandlers = {
  readonly [Name in RouteName]: (request: RouteRequest<Name>) => Answer<Name> | Promise<Answer<Name>>;
};

export function ok<B>(body: B): { readonly status: 200; readonly body: B } {
  return { status: 200, body };
}

/** Whether a condition such as `"a", W/"b"` or `*` names this tag. */
export function matchesTag(condition: string | undefined, tag: string): boolean {
  const named = condition?.split(',').map((each) => each.trim().replace(/^W\//, '')) ?? [];
  return named.includes(tag) || named.includes('*');
}

export interface AnswerErrorOptions extends MxcpErrorOptions {
  /** Fields of the body besides `error` and `message`. */
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An error that answers with more than its code and message. */
export class AnswerError extends MxcpError {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: AnswerErrorOptions = {}) {
    super(code, message, options);
    this.fields = options.fields ?? {};
    this.headers = options.headers ?? {};
  }
}
