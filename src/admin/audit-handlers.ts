import { type AuditSelection, NO_AUDIT_STATS, type RouteName } from '../contract/index.js';
import { toMxcpError } from '../errors/index.js';
import type { AdminPorts } from './ports.js';
import { ok, type RouteHandlers, type RouteRequest } from './route-answers.js';

const DEFAULT_LIMIT = 100;

/** Without an audit log, there is nothing in it. */
export function createAuditHandlers(
  audit: AdminPorts['audit'],
): Pick<RouteHandlers, 'getAuditRecords' | 'getAuditStats'> {
  return {
    getAuditRecords: async ({ query, signal }) => {
      const { limit = DEFAULT_LIMIT, offset = 0 } = query;
      const records = (await audit()?.records(toSelection(query), { limit, offset }, signal)) ?? [];
      return ok({ records, count: records.length });
    },
    getAuditStats: async ({ query, signal }) =>
      ok((await audit()?.stats(toSelection(query), signal)) ?? NO_AUDIT_STATS),
  };
}

type Query = RouteRequest<'getAuditRecords'>['query'];

function toSelection(query: Query): AuditSelection {
  return {
    schemaName: query.schema_name,
    from: query.start_time,
    until: query.end_time,
    operationType: query.operation_type,
    operationName: query.operation_name,
    operationStatus: query.operation_status,
    userId: query.user_id,
    traceId: query.trace_id,
    policyDecision: query.policy_decision,
  };
}

/** Routes by which operators change something, and how the audit log calls that. Calls by `/run` and `/query` have records of their own. */
const ACTIONS = {
  postReload: 'reload',
  deleteReload: 'cancel_reload',
  deleteSession: 'end_session',
  deleteSessions: 'end_sessions',
  postDrain: 'drain',
  postResume: 'resume',
  putLogLevel: 'loglevel',
  validateProject: 'validate',
} as const satisfies Partial<Record<RouteName, string>>;

/** The same handlers, which record what operators do before they are answered. */
export function recordingActions(handlers: RouteHandlers, audit: AdminPorts['audit']): RouteHandlers {
  const recording = Object.entries(ACTIONS).map(([route, name]) => {
    // The keys of the table are routes, and the handler gets the request of its own route.
    const handler = handlers[route as keyof typeof ACTIONS] as (request: ActionRequest) => unknown;
    return [route, (request: ActionRequest) => recordAction(name, request, () => handler(request), audit)];
  });
  return { ...handlers, ...Object.fromEntries(recording) };
}

type ActionRequest = RouteRequest<keyof typeof ACTIONS>;

async function recordAction(
  name: string,
  { query, body, pathParameters }: ActionRequest,
  act: () => unknown,
  audit: AdminPorts['audit'],
): Promise<unknown> {
  const startedAt = performance.now();
  const end = async (thrown?: unknown): Promise<void> => {
    const error = thrown === undefined ? undefined : toMxcpError(thrown);
    const input = Object.assign({}, query, body, pathParameters);
    await audit()?.actionEnded({ name, input, error, durationMs: performance.now() - startedAt });
  };
  try {
    const answer = await act();
    await end();
    return answer;
  } catch (thrown) {
    await end(thrown);
    throw thrown;
  }
}
