import type { IncomingMessage } from 'node:http';
import type { Logger } from '../../logging/index.js';
import { ROUTES, type RouteName } from '../contract/index.js';
import type { RouteHandlers } from '../routes/index.js';
import { assertTrustedCaller } from './caller-guard.js';
import { toErrorReply, type ErrorOutput } from './error-reply.js';
import type { Reply } from './reply-writer.js';
import { readRequestBody } from './request-body.js';
import { checkBody, parseQuery } from './request-input.js';
import { parseRequestTarget } from './request-target.js';
import { matchRoute, type SocketAccess } from './route-match.js';

export interface AdminRouterOptions {
  readonly handlers: RouteHandlers;
  readonly access: SocketAccess;
  readonly errors: ErrorOutput;
  readonly bodyLimitBytes: number;
  readonly logger: Logger;
}

/** Answers requests of one socket from the table of routes. */
export class AdminRouter {
  readonly #options: AdminRouterOptions;

  constructor(options: AdminRouterOptions) {
    this.#options = options;
  }

  /** Never rejects: whatever goes wrong is an answer. `signal` is aborted when nobody waits for it any more. */
  async answer(request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
    try {
      return await this.#dispatch(request, signal);
    } catch (thrown) {
      return this.refuse(thrown);
    }
  }

  /** The answer for a request that does not get as far as a route. */
  refuse(thrown: unknown): Reply {
    const reply = toErrorReply(thrown, this.#options.errors);
    if (reply.status === 500) this.#options.logger.error({ err: thrown }, 'an admin request failed');
    return reply;
  }

  async #dispatch(request: IncomingMessage, signal: AbortSignal): Promise<Reply> {
    const target = parseRequestTarget(request.url ?? '');
    const headers = request.headersDistinct;
    assertTrustedCaller({
      httpVersion: request.httpVersion,
      host: headers['host'] ?? [],
      origin: headers['origin'] ?? [],
      referer: headers['referer'] ?? [],
      authority: target.authority,
    });
    const { name, route, pathParameters } = matchRoute(
      request.method ?? '',
      target.path,
      this.#options.access,
    );
    const body = await readRequestBody(request, this.#options.bodyLimitBytes);
    if (route.body !== undefined) checkBody(route.body, body);
    return this.#call(name, { search: target.search, pathParameters, request, signal });
  }

  async #call<Name extends RouteName>(name: Name, input: CallInput): Promise<Reply> {
    const handler: RouteHandlers[Name] = this.#options.handlers[name];
    return handler({
      query: parseQuery<(typeof ROUTES)[Name]['query']>(ROUTES[name].query, input.search),
      pathParameters: input.pathParameters,
      fromCli: (input.request.headers['user-agent'] ?? '').startsWith('mxcp-cli/'),
      signal: input.signal,
    });
  }
}

interface CallInput {
  readonly search: string;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly request: IncomingMessage;
  readonly signal: AbortSignal;
}
