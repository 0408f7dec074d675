import { MxcpError } from '../../errors/index.js';
import { version } from '../../version/index.js';
import { openApiDocument } from '../contract/openapi.js';
import type { AnswerOf, QueryOf, RouteName, SuccessOf } from '../contract/wire-types.js';
import {
  type SocketFacts,
  toConfig,
  toHealth,
  toProbe,
  toStatus,
  toWireEndpoint,
  toWireRecord,
} from './answers.js';
import type { AdminPorts } from './ports.js';
import { requestReload } from './reload-request.js';

/** `GET /reloads` without `limit`: everything that is remembered. */
const DEFAULT_RELOAD_LIMIT = 50;

export interface RouteRequest<Name extends RouteName> {
  readonly query: QueryOf<Name>;
  readonly pathParameters: Readonly<Record<string, string>>;
  readonly fromCli: boolean;
  /** Aborted when the caller goes away or the admin server closes. */
  readonly signal: AbortSignal;
}

/** What a route answers with when it does not throw: one of the successes that its contract lists. */
export type RouteReply<Name extends RouteName> = {
  [Status in SuccessOf<Name>]: {
    readonly status: Status;
    readonly body: AnswerOf<Name, Status>;
    readonly headers?: Readonly<Record<string, string>>;
  };
}[SuccessOf<Name>];

export type RouteHandlers = {
  readonly [Name in RouteName]: (request: RouteRequest<Name>) => RouteReply<Name> | Promise<RouteReply<Name>>;
};

/** One handler for each route of the contract. `socketFacts` is asked at each request: the sockets open after the handlers exist. */
export function createRouteHandlers(ports: AdminPorts, socketFacts: () => SocketFacts): RouteHandlers {
  return {
    getIndex: () => ok({ service: 'mxcp-admin', version, openapi: '/openapi.json' }),
    getHealth: () => ok(toHealth(new Date())),
    getLivez: () => ok(toHealth(new Date())),
    getReadyz: async () => ok(toProbe(await ports.readiness.ready())),
    getStartupz: () => ok(toProbe(ports.readiness.startup())),
    getStatus: async () => {
      const readiness = await ports.readiness.ready();
      return ok(toStatus(ports.status.status(), readiness, socketFacts()));
    },
    getConfig: () => ok(toConfig(ports.config.config())),
    listEndpoints: () => ok({ endpoints: ports.endpoints.endpoints().map(toWireEndpoint) }),
    postReload: (request) => requestReload(ports.reloads, request),
    listReloads: ({ query }) =>
      ok({ reloads: ports.reloads.list(query.limit ?? DEFAULT_RELOAD_LIMIT).map(toWireRecord) }),
    getReload: ({ pathParameters }) => {
      const record = ports.reloads.find(pathParameters['id'] ?? '');
      if (record !== undefined) return ok(toWireRecord(record));
      throw new MxcpError(
        'reload_not_found',
        'no reload with this id is remembered; GET /reloads lists the ones that are',
      );
    },
    getOpenApi: () => ok(openApiDocument()),
  };
}

function ok<B>(body: B): { readonly status: 200; readonly body: B } {
  return { status: 200, body };
}
