import {
  type BodyOf,
  type Check,
  check,
  type ConfigRecord,
  type EndpointRecord,
  type EventName,
  type Inside,
  type MetricFamily,
  openApiDocument,
  type ProjectReportRecord,
  type QueryOf,
  type ResponseOf,
  reloadRecord,
  type RouteName,
  type ROUTES,
  type RunRecord,
  type SchemaOf,
  type StatusRecord,
  type SuccessOf,
  type SystemCpuRecord,
  type SystemDiskRecord,
  type SystemInfoRecord,
  type SystemMemoryRecord,
  type SystemNetworkRecord,
  type SystemProcessRecord,
  toWire,
} from '../contract/index.js';
import { type ErrorCode, MxcpError, type MxcpErrorOptions, plural } from '../errors/index.js';
import { deadlineIn, MAX_WAIT_MS, raceSignal } from '../lifecycle/index.js';
import { version } from '../version/index.js';
import type { StreamReply } from './event-stream.js';

/** What the admin API asks of the server, which implements it. */
export interface AdminPorts {
  readonly readiness: ReadinessSource;
  /** Also before the first generation serves. */
  status(): ServerStatus;
  /** This and the next two throw `server_starting` until the first generation serves. */
  config(): ConfigRecord;
  /** As they are served, not as they are on disk now. */
  endpoints(): readonly EndpointRecord[];
  /** Undefined when they are off. */
  readonly metrics: MetricsPort | undefined;
  readonly reloads: ReloadPort;
  readonly rotation: RotationPort;
  readonly project: ProjectPort;
  readonly system: SystemPort;
  readonly events: EventPort;
}

/** The rest of the status is what the admin API knows itself. */
export type ServerStatus = Omit<StatusRecord, 'status' | 'adminSocket' | 'checks'>;

export interface ReadinessReport {
  readonly phase: 'starting' | 'serving' | 'closing';
  readonly checks: readonly Check[];
}

export interface ReadinessSource {
  /** Whether a call would be served now. Settles within a second, also when the database hangs. */
  ready(): Promise<ReadinessReport>;
  /** Whether the server has been ready once; its checks never fail again after that. */
  startup(): ReadinessReport;
}

export interface ReloadPort {
  /**
   * Queues a reload. `ended` settles with the record of the run that answers this request, also when the reload failed;
   * it never rejects. Throws `server_closing` and `server_starting`.
   */
  request(request: AdminReload): { readonly id: string; readonly ended: Promise<RunRecord> };
  /** By the id of any request. */
  find(id: string): RunRecord | undefined;
  /** Newest first. */
  list(limit: number): readonly RunRecord[];
}

export type RotationState = Inside<SchemaOf<'postDrain', 200>>;

/** Whether the server takes new calls. Both changes are idempotent. */
export interface RotationPort {
  drain(): RotationState;
  /** Throws `server_closing`. */
  resume(): RotationState;
  /** Resolves when no call is left, or when the server is in rotation again; rejects when the signal aborts. */
  ended(signal: AbortSignal): Promise<RotationState>;
}

export interface MetricsPort {
  /** In the format that the `Accept` header of a request asks for. */
  expose(accept: string): Promise<{ readonly contentType: string; readonly body: string }>;
  families(): Promise<readonly MetricFamily[]>;
}

export interface EventPort {
  /**
   * Selects events of these types (all unless given) from now on, or those since `after`, the id of an event. The returned function
   * begins to deliver them, formatted, and returns what ends that. Throws `bad_request` when `after` is not such an id.
   */
  select(selection: {
    readonly types: ReadonlySet<EventName> | undefined;
    readonly after: string | undefined;
  }): (deliver: (text: string) => void) => () => void;
}

/** What the owner of the server asks of the project. `signal` aborts when the caller goes away. */
export interface ProjectPort {
  /** Throws what a call of an MCP client throws. */
  run(body: BodyOf<'runEndpoint'>, signal: AbortSignal): Promise<CallAnswer>;
  /** Throws what a call throws. */
  query(body: BodyOf<'runQuery'>, signal: AbortSignal): Promise<CallAnswer>;
  validate(signal: AbortSignal): Promise<ProjectReportRecord>;
}

/** Facts about the machine and the process. No answer waits for a measurement. */
export interface SystemPort {
  info(): Promise<SystemInfoRecord>;
  cpu(): Promise<SystemCpuRecord>;
  memory(): Promise<SystemMemoryRecord>;
  disk(): Promise<SystemDiskRecord>;
  /** Throws `platform_unsupported`. */
  network(): Promise<SystemNetworkRecord>;
  process(): Promise<SystemProcessRecord>;
}

export type CallAnswer = Omit<Inside<SchemaOf<'runEndpoint', 200>>, 'status'>;

export interface AdminReload {
  readonly trigger: 'api' | 'cli';
  readonly dryRun: boolean;
  /** The setting of the server unless given. */
  readonly definitions?: boolean;
  /** Interrupt running calls instead of waiting for them. */
  readonly force: boolean;
}

/** The sockets that the server answers on, for `/status`. */
export type SocketFacts = StatusRecord['adminSocket'];

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

const STATUS_OF = { starting: 'starting', closing: 'degraded', serving: undefined } as const;

/** `GET /reloads` without `limit`: every run that is remembered. */
const DEFAULT_RELOAD_LIMIT = 50;

/** One handler for each route of the contract. `socketFacts` is asked at each request: the sockets open after the handlers exist. */
export function createRouteHandlers(ports: AdminPorts, socketFacts: () => SocketFacts): RouteHandlers {
  const { readiness, reloads, system } = ports;
  const getHealth = () => ok({ status: 'ok', timestamp: new Date() } as const);
  return {
    getIndex: () => ok({ service: 'mxcp-admin', version, openapi: '/openapi.json' }),
    getHealth,
    getLivez: getHealth,
    getReadyz: async () => probe(await readiness.ready()),
    getStartupz: () => probe(readiness.startup()),
    getStatus: async () => {
      const report = await readiness.ready();
      return ok({
        ...ports.status(),
        status: STATUS_OF[report.phase] ?? (passes(report) ? 'ok' : 'degraded'),
        checks: report.checks,
        adminSocket: socketFacts(),
      });
    },
    getMetrics: ({ header }) => showMetrics(ports.metrics, header('accept') ?? ''),
    getConfig: () => ok(ports.config()),
    listEndpoints: () => ok({ endpoints: ports.endpoints() }),
    ...createReloadHandlers(reloads),
    postDrain: (request) => drain(ports.rotation, request),
    postResume: () => ok(ports.rotation.resume()),
    runEndpoint: async ({ body, signal }) => ok({ status: 'ok', ...(await ports.project.run(body, signal)) }),
    runQuery: async ({ body, signal }) => ok({ status: 'ok', ...(await ports.project.query(body, signal)) }),
    validateProject: async ({ signal }) => ok(await ports.project.validate(signal)),
    ...createSystemHandlers(system),
    getEvents: ({ query: { types }, header }) => {
      const begin = ports.events.select({ types, after: header('last-event-id') });
      return { status: 200, open: (stream) => begin((text) => stream.send(text)) };
    },
    getOpenApi: () => ok(openApiDocument()),
  };
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

/** Plain text unless the caller wants JSON, as `AdminClient` does. Throws `metrics_off`. */
async function showMetrics(metrics: MetricsPort | undefined, accept: string): Promise<RouteReply<'getMetrics'>> {
  if (metrics === undefined)
    throw new MxcpError('metrics_off', 'this server counts nothing; start it without `MXCP_METRICS=off`');
  if (accept.startsWith('application/json')) return ok({ metrics: await metrics.families() });
  const { contentType, body } = await metrics.expose(accept);
  return { status: 200, body, headers: { 'Content-Type': contentType } };
}

function createReloadHandlers(reloads: ReloadPort): Pick<RouteHandlers, 'postReload' | 'listReloads' | 'getReload'> {
  return {
    postReload: (request) => requestReload(reloads, request),
    listReloads: ({ query }) => ok({ reloads: reloads.list(query.limit ?? DEFAULT_RELOAD_LIMIT) }),
    getReload: ({ pathParameters }) => {
      const record = reloads.find(pathParameters['id'] ?? '');
      if (record !== undefined) return ok(record);
      throw new MxcpError(
        'reload_not_found',
        'no reload with this id is remembered; `GET /reloads` and `mxcp admin reloads` list those that are',
      );
    },
  };
}

function ok<B>(body: B): { readonly status: 200; readonly body: B } {
  return { status: 200, body };
}

/** Throws `server_starting`, `server_closing` or `not_ready`, with the checks, when the report does not pass. */
function probe(report: ReadinessReport): RouteReply<'getReadyz'> {
  const { checks } = report;
  if (passes(report)) return ok({ status: 'ok', checks });
  const [code, message] = failureOf(report);
  throw new AnswerError(code, message, {
    fields: { status: 'fail', checks: checks.map((each) => toWire(check, each)) },
  });
}

function passes({ phase, checks }: ReadinessReport): boolean {
  return phase === 'serving' && checks.every(({ status }) => status === 'ok');
}

function failureOf({ phase, checks }: ReadinessReport): [code: ErrorCode, message: string] {
  if (phase === 'starting') return ['server_starting', 'the server has not become ready yet'];
  if (phase === 'closing') return ['server_closing', 'the server is shutting down'];
  const failed = checks.filter(({ status }) => status === 'fail');
  return ['not_ready', failed.map(({ name, message }) => `check "${name}" failed: ${message}`).join('; ')];
}

/**
 * Asks for a reload and, where the caller wants it, waits for its end. Throws `bad_request` for a forced dry run,
 * `server_closing`, `reload_failed` with the record, and `wait_timeout`.
 */
async function requestReload(
  reloads: ReloadPort,
  { query, fromCli, signal }: RouteRequest<'postReload'>,
): Promise<RouteReply<'postReload'>> {
  const { wait, definitions, force = false } = query;
  const dryRun = query.dry_run ?? false;
  if (force && dryRun) {
    throw new MxcpError('bad_request', '`force` and `dry_run` cannot be combined: a dry run has no calls to interrupt');
  }
  const { id, ended } = reloads.request({
    trigger: fromCli ? 'cli' : 'api',
    dryRun,
    force,
    ...(definitions === undefined ? {} : { definitions }),
  });
  // A dry run answers like a wait: without one of its own it waits as long as a caller may ask for.
  const waitMs = wait ?? (dryRun ? MAX_WAIT_MS : 0);
  if (waitMs === 0) return accepted(id);
  const record = await endedWithin(() => ended, { waitMs, signal, ...unfinished(id, waitMs) });
  if (record.status !== 'error') return ok(record);
  throw new AnswerError('reload_failed', failureText(record), { fields: { reload: toWire(reloadRecord, record) } });
}

function accepted(id: string): RouteReply<'postReload'> {
  const body = {
    status: 'reload_initiated',
    timestamp: new Date(),
    reloadRequestId: id,
    message: 'Reload request queued. Use GET /status to check progress.',
  } as const;
  return { status: 202, body, headers: locationOf(id) };
}

function locationOf(id: string): { readonly Location: string } {
  return { Location: `/reloads/${id}` };
}

/** The answers to a caller whose wait ends before the reload. */
function unfinished(id: string, waitMs: number): Pick<Wait, 'closed' | 'timedOut'> {
  const headers = locationOf(id);
  const continues = `the reload is still running after ${waitMs / 1000} s; GET ${headers.Location} shows how it ends`;
  const unknown = 'the server is shutting down; how this reload ends is not known';
  return {
    closed: () => new AnswerError('server_closing', unknown, { headers }),
    timedOut: () => new AnswerError('wait_timeout', continues, { headers }),
  };
}

interface Wait {
  readonly waitMs: number;
  readonly signal: AbortSignal;
  /** Errors for the callers whose wait ends first. */
  readonly timedOut: () => AnswerError;
  readonly closed: () => AnswerError;
}

/** Throws what `timedOut` makes when the time runs out, and what `closed` makes when the signal ends the wait. */
async function endedWithin<T>(work: (signal: AbortSignal) => Promise<T>, wait: Wait): Promise<T> {
  const deadline = deadlineIn(wait.waitMs, wait.signal);
  try {
    return await raceSignal(work(deadline), deadline);
  } catch (error) {
    if (!deadline.aborted) throw error;
    throw wait.signal.aborted ? wait.closed() : wait.timedOut();
  } finally {
    deadline.dispose();
  }
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
    const { activeRequests } = rotation.drain();
    const calls = plural(activeRequests, 'call');
    return new AnswerError(
      'wait_timeout',
      `${calls} still running after ${waitMs / 1000} s; the server stays out of rotation`,
    );
  };
  return ok(await endedWithin((until) => rotation.ended(until), { waitMs, signal, closed, timedOut }));
}

function failureText({ id, error }: RunRecord): string {
  if (error === null) return `reload ${id} failed`;
  const { stage, message, file, line } = error;
  // The message of a problem in a file begins with its position already.
  const position = file === null || message.includes(file) ? '' : ` (${file}${line === null ? '' : `:${line}`})`;
  // A handover that fails in the swap may have run a payload, or may have failed to return to the old database.
  const unchanged = stage === 'swap' ? '' : ', nothing changed';
  return `reload failed at stage ${stage}${unchanged}: ${message}${position}`;
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
