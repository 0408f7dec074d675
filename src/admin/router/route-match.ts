import { MxcpError, nearestName } from '../../errors/index.js';
import { type RouteContract, ROUTES } from '../contract/route-table.js';
import type { RouteName } from '../contract/wire-types.js';
import { AnswerError } from '../routes/answers.js';

/** Which routes a socket serves: all of them, or only what a probe needs. */
export type SocketAccess = 'full' | 'probe';

export interface RouteMatch {
  readonly name: RouteName;
  readonly route: RouteContract;
  readonly pathParameters: Readonly<Record<string, string>>;
}

interface CompiledRoute {
  readonly name: RouteName;
  readonly route: RouteContract;
  readonly segments: readonly string[];
}

const COMPILED: readonly CompiledRoute[] = Object.entries<RouteContract>(ROUTES).map(([name, route]) => ({
  // Object.entries widens the keys of the table to string.
  name: name as RouteName,
  route,
  segments: route.path.split('/'),
}));

/** Throws `route_not_found`, `read_only_socket`, and `method_not_allowed` with `Allow`. */
export function matchRoute(method: string, path: string, access: SocketAccess): RouteMatch {
  const candidates = COMPILED.flatMap((compiled) => {
    const pathParameters = matchSegments(compiled.segments, path.split('/'));
    return pathParameters === undefined ? [] : [{ ...compiled, pathParameters }];
  });
  const match = candidates.find(({ route }) => methodsOf(route).includes(method));
  if (access === 'probe' && match?.route.probe !== true) {
    throw new MxcpError(
      'read_only_socket',
      'the probe socket serves GET of the probes only; use the admin socket',
    );
  }
  if (candidates.length === 0) throw routeNotFound(path);
  if (match !== undefined) return match;
  const allowed = candidates.flatMap(({ route }) => methodsOf(route)).join(', ');
  throw new AnswerError('method_not_allowed', `${method} is not a method of this route; it has ${allowed}`, {
    headers: { Allow: allowed },
  });
}

function methodsOf(route: RouteContract): readonly string[] {
  return route.method === 'GET' ? ['GET', 'HEAD'] : [route.method];
}

function matchSegments(
  pattern: readonly string[],
  given: readonly string[],
): Record<string, string> | undefined {
  if (pattern.length !== given.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, segment] of pattern.entries()) {
    const value = given[index] ?? '';
    if (segment.startsWith('{') && value !== '') parameters[segment.slice(1, -1)] = value;
    else if (segment !== value) return undefined;
  }
  return parameters;
}

function routeNotFound(path: string): MxcpError {
  const nearest = nearestName(
    path,
    COMPILED.map(({ route }) => route.path),
  );
  const advice =
    nearest === undefined ? 'GET /openapi.json lists the routes' : `did you mean ${JSON.stringify(nearest)}?`;
  return new MxcpError('route_not_found', `no route ${JSON.stringify(path.slice(0, 100))}; ${advice}`);
}

export interface RequestTarget {
  /** As it was sent: nothing is decoded or normalised, so `/../health` and `/%68ealth` are simply unknown. */
  readonly path: string;
  /** Without the question mark. */
  readonly search: string;
  /** Of the absolute form (`GET http://localhost/health`), which proxies send. */
  readonly authority: string | undefined;
}

/** Throws `bad_request` for a target that is neither a path nor an `http://` URL. */
export function parseRequestTarget(url: string): RequestTarget {
  const absolute = /^http:\/\/([^/?#]*)(.*)$/is.exec(url);
  const rest = absolute === null ? url : absolute[2] || '/';
  if (!rest.startsWith('/') && !(absolute !== null && rest.startsWith('?'))) {
    throw new MxcpError(
      'bad_request',
      'the request target must be a path such as /status, or an http:// URL with one',
    );
  }
  const mark = rest.indexOf('?');
  const path = mark === -1 ? rest : rest.slice(0, mark);
  return {
    path: path === '' ? '/' : path,
    search: mark === -1 ? '' : rest.slice(mark + 1),
    authority: absolute?.[1],
  };
}
