import { FEATURES, check, openApiDocument, type StatusRecord, toWire } from '../contract/index.js';
import { type ErrorCode, MxcpError, plural } from '../errors/index.js';
import { endedWithin } from '../lifecycle/index.js';
import { createAuditHandlers, recordingActions } from './audit-handlers.js';
import { createPageHandlers } from './pages/page-handlers.js';
import {
  type AdminPorts,
  isReady,
  type MetricsPort,
  type ReadinessReport,
  type RotationPort,
  type SocketFacts,
  type SystemPort,
} from './ports.js';
import { createReloadHandlers } from './reload-handlers.js';
import {
  AnswerError,
  matchesTag,
  ok,
  type RouteHandlers,
  type RouteReply,
  type RouteRequest,
} from './route-answers.js';

const STATUS_OF = { starting: 'starting', closing: 'degraded', serving: undefined } as const;

/** One handler for each route of the contract. `socketFacts` is asked at each request: the sockets open after the handlers exist. */
export function createRouteHandlers(ports: AdminPorts, socketFacts: () => SocketFacts): RouteHandlers {
  const { readiness, reloads, system } = ports;
  const showStatus = () => readStatus(ports, socketFacts());
  const getHealth = () => ok({ status: 'ok', timestamp: new Date() } as const);
  const handlers: RouteHandlers = {
    ...createPageHandlers(showStatus),
    getHealth,
    getLivez: getHealth,
    getReadyz: async () => probe(await readiness.ready()),
    getStartupz: () => probe(readiness.startup()),
    getStatus: async () => ok(await showStatus()),
    getMetrics: ({ header }) => showMetrics(ports.metrics, header('accept') ?? ''),
    getConfig: (request) => showConfig(ports, request),
    listEndpoints: () => ok({ endpoints: ports.endpoints() }),
    ...createReloadHandlers(reloads, ports.configTag),
    postDrain: (request) => drain(ports.rotation, request),
    postResume: () => ok(ports.rotation.resume()),
    runEndpoint: async ({ body, signal }) => ok({ status: 'ok', ...(await ports.project.run(body, signal)) }),
    runQuery: async ({ body, signal }) => ok({ status: 'ok', ...(await ports.project.query(body, signal)) }),
    validateProject: async ({ signal }) => ok(await ports.project.validate(signal)),
    getLogs: ({ query }) => ok(ports.logs(query.lines ?? Number.POSITIVE_INFINITY)),
    ...createSystemHandlers(system),
    ...createAuditHandlers(ports.audit),
    ...createSessionHandlers(ports.sessions),
    getLogLevel: () => ok(ports.logLevel.state),
    putLogLevel: ({ body: { level, for: forMs } }) =>
      ok(ports.logLevel.choose(level === 'default' ? undefined : level, forMs)),
    getEvents: ({ query: { types }, header }) => {
      const begin = ports.events.select({ types, after: header('last-event-id') });
      return { status: 200, open: (stream) => begin((text) => stream.send(text)) };
    },
    getTrace: ({ query }) => {
      const selection = { endpoint: query.endpoint, slowerThanMs: query.slower_than, errors: query.errors };
      return { status: 200, open: (stream) => ports.trace.follow(selection, (text) => stream.send(text)) };
    },
    getOpenApi: () => ok(openApiDocument()),
  };
  return recordingActions(handlers, ports.audit);
}

async function readStatus(ports: AdminPorts, adminSocket: SocketFacts): Promise<StatusRecord> {
  const report = await ports.readiness.ready();
  const status = STATUS_OF[report.phase] ?? (isReady(report) ? 'ok' : 'degraded');
  const features = Object.keys(FEATURES).filter((name) => name !== 'metrics' || ports.metrics !== undefined);
  return { ...ports.status(), status, checks: report.checks, adminSocket, features };
}

function createSystemHandlers(system: SystemPort) {
  return {
    getSystemInfo: async () => ok(await system.info()),
    getSystemCpu: async () => ok(await system.cpu()),
    getSystemMemory: async () => ok(await system.memory()),
    getSystemDisk: async () => ok(await system.disk()),
    getSystemNetwork: async () => ok(await system.network()),
    getSystemProcess: async () => ok(await system.process()),
  };
}

const SESSIONS_SHOWN = 100;

function createSessionHandlers(
  sessions: AdminPorts['sessions'],
): Pick<RouteHandlers, 'listSessions' | 'deleteSession' | 'deleteSessions'> {
  return {
    listSessions: ({ query: { user, limit = SESSIONS_SHOWN, offset = 0 } }) =>
      ok(sessions().list({ user, limit, offset })),
    deleteSession: async ({ pathParameters: { id = '' } }) => ok(await sessions().end(id)),
    deleteSessions: async ({ query: { user, all = false } }) => {
      if ((user === undefined) === !all)
        throw new MxcpError('bad_request', 'give either `user`, or `all=true` for the sessions of all users');
      return ok({ ended: await sessions().endAll(user) });
    },
  };
}

/** 304 when the caller has this configuration already. */
function showConfig(ports: AdminPorts, { header }: RouteRequest<'getConfig'>): RouteReply<'getConfig'> {
  const headers = { ETag: `"${ports.configTag()}"` };
  if (matchesTag(header('if-none-match'), headers.ETag)) return { status: 304, body: null, headers };
  return { status: 200, body: ports.config(), headers };
}

/** Plain text unless the caller wants JSON, as `AdminClient` does. Throws `metrics_off`. */
async function showMetrics(metrics: MetricsPort | undefined, accept: string): Promise<RouteReply<'getMetrics'>> {
  if (metrics === undefined)
    throw new MxcpError('metrics_off', 'this server counts nothing; start it without `MXCP_METRICS=off`');
  if (accept.startsWith('application/json')) return ok({ metrics: await metrics.families() });
  const { contentType, body } = await metrics.expose(accept);
  return { status: 200, body, headers: { 'Content-Type': contentType } };
}

/** Throws `server_starting`, `server_closing` or `not_ready`, with the checks, when the report does not pass. */
function probe(report: ReadinessReport): RouteReply<'getReadyz'> {
  const { checks } = report;
  if (isReady(report)) return ok({ status: 'ok', checks });
  const [code, message] = failureOf(report);
  throw new AnswerError(code, message, {
    fields: { status: 'fail', checks: checks.map((each) => toWire(check, each)) },
  });
}

function failureOf({ phase, checks }: ReadinessReport): [code: ErrorCode, message: string] {
  if (phase === 'starting') return ['server_starting', 'the server has not become ready yet'];
  if (phase === 'closing') return ['server_closing', 'the server is shutting down'];
  const failed = checks.filter(({ status }) => status === 'fail');
  return ['not_ready', failed.map(({ name, message }) => `check "${name}" failed: ${message}`).join('; ')];
}

/** Takes the server out of rotation and, where the caller wants it, waits for the calls that run. Throws `wait_timeout`. */
async function drain(
  rotation: RotationPort,
  { query: { wait: waitMs = 0 }, signal }: RouteRequest<'postDrain'>,
): Promise<RouteReply<'postDrain'>> {
  const state = rotation.drain();
  if (waitMs === 0 || state.status !== 'draining') return ok(state);
  const closed = () => new AnswerError('server_closing', 'the server is shutting down; running calls may still end');
  const timedOut = () => {
    // Not `drain()`: it may have been resumed in this moment.
    const { activeRequests } = rotation.state();
    const calls = plural(activeRequests, 'call');
    return new AnswerError(
      'wait_timeout',
      `${calls} still running after ${waitMs / 1000} s; the server stays out of rotation`,
    );
  };
  return ok(await endedWithin((until) => rotation.ended(until), { waitMs, signal, closed, timedOut }));
}
