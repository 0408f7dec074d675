import type {
  AuditRecords,
  AuditStats,
  BodyOf,
  CallResult,
  CallTraceEntry,
  Config,
  EndpointList,
  Health,
  LogLevelAnswer,
  Metrics,
  Logs,
  OpenApiDocument,
  ProbeFailed,
  ProbeOk,
  ProjectReport,
  ReloadAccepted,
  ReloadList,
  ReloadRecord,
  Rotation,
  Status,
  EndedSessions,
  Session,
  SessionList,
  SystemCpu,
  SystemDisk,
  SystemInfo,
  SystemMemory,
  SystemNetwork,
  SystemProcess,
  StreamedEvent,
} from '../../contract/index.js';
import { MAX_WAIT_MS } from '../../lifecycle/index.js';
import { version } from '../../version/index.js';
import { AdminApiError } from './admin-api-error.js';
import {
  type AdminClientOptions,
  checkClientOptions,
  type ClientAuditOptions,
  type ClientEventOptions,
  type ClientReloadOptions,
  type ClientSessionOptions,
  type ClientTraceOptions,
  type QueuedReloadOptions,
  type ReloadRequestOptions,
  toAuditQuery,
  toReloadQuery,
  toWaitQuery,
  type TraceEvent,
  type WaitingReloadOptions,
} from './client-options.js';
import { readEvents } from './event-reader.js';
import { sendRequest, type SocketRequest } from './socket-request.js';

const DEFAULT_TIMEOUT_MS = 10_000;
/** As long as the server waits for the end of what it has cancelled. */
const CANCEL_WAIT_MS = 30_000;

/**
 * The admin API of one running server, over its Unix socket. Every method makes one connection, and throws `MxcpError`
 * with the code `connection_failed` and what to do when the server cannot be reached, with `wait_timeout` when it does not
 * answer in time, and `AdminApiError`, which is one too, when it refuses. Nothing is open between calls, so nothing has to
 * be disposed.
 */
export class AdminClient {
  readonly #options: AdminClientOptions;

  /** Throws `MxcpError` with the code `usage` when no path of a socket is given. */
  constructor(options: AdminClientOptions) {
    checkClientOptions(options);
    this.#options = options;
  }

  get socketPath(): string {
    return this.#options.socketPath;
  }

  health(): Promise<Health> {
    return this.#get<Health>('/health');
  }

  live(): Promise<Health> {
    return this.#get<Health>('/livez');
  }

  /** Not being ready is an answer, not an error. */
  ready(): Promise<ProbeOk | ProbeFailed> {
    return this.#probe('/readyz');
  }

  /** Not having started is an answer, not an error. */
  startup(): Promise<ProbeOk | ProbeFailed> {
    return this.#probe('/startupz');
  }

  status(): Promise<Status> {
    return this.#get<Status>('/status');
  }

  /** The numbers behind dashboards and alerts; throws `metrics_off` where the server counts nothing. */
  metrics(): Promise<Metrics> {
    return this.#get<Metrics>('/metrics');
  }

  /** The same in the text format of Prometheus. */
  async metricsText(): Promise<string> {
    // Of this route, only a refusal is JSON.
    const parse = (text: string): unknown => (text.startsWith('{') ? JSON.parse(text) : text);
    return String(await this.#send('GET', '/metrics', { accept: 'text/plain', parse }));
  }

  config(): Promise<Config> {
    return this.#get<Config>('/config');
  }

  endpoints(): Promise<EndpointList> {
    return this.#get<EndpointList>('/endpoints');
  }

  /**
   * Reloads the server. With `waitMs` or `dryRun` resolves with the record of the reload once it has succeeded, and throws
   * `AdminApiError` with the record as `reload` when it failed, or with its id as `reloadId` when it continues after the
   * wait; otherwise resolves as soon as it is queued. Throws `usage` for a wait of less than a millisecond.
   */
  reload(options: WaitingReloadOptions): Promise<ReloadRecord>;
  reload(options?: QueuedReloadOptions): Promise<ReloadAccepted>;
  reload(options?: ClientReloadOptions): Promise<ReloadAccepted | ReloadRecord>;
  async reload(options: ClientReloadOptions = {}): Promise<ReloadAccepted | ReloadRecord> {
    const { waitMs, dryRun } = options;
    const query = { ...toReloadQuery(options), ...toWaitQuery(waitMs) };
    const extraMs = waitMs ?? (dryRun === true ? MAX_WAIT_MS : 0);
    // The server answers with what the contract lists for these options.
    return (await this.#send('POST', withQuery('/reload', query), { extraMs })) as ReloadAccepted | ReloadRecord;
  }

  /** Asks for a reload or a dry run and resolves as soon as it is queued; `reloadRecord` shows how it ends. */
  async requestReload(options: ReloadRequestOptions = {}): Promise<ReloadAccepted> {
    const target = withQuery('/reload', { ...toReloadQuery(options), wait: '0' });
    // What the contract lists for a request without a wait.
    return (await this.#send('POST', target)) as ReloadAccepted;
  }

  /**
   * Takes the server out of rotation. With `waitMs` resolves when no call is left, and throws `AdminApiError` with the code
   * `wait_timeout` when the time runs out; the server then stays out of rotation.
   */
  async drain({ waitMs }: { readonly waitMs?: number | undefined } = {}): Promise<Rotation> {
    // What the contract lists.
    return (await this.#send('POST', withQuery('/drain', toWaitQuery(waitMs)), { extraMs: waitMs ?? 0 })) as Rotation;
  }

  /** Brings the server back into rotation. */
  async resume(): Promise<Rotation> {
    // What the contract lists.
    return (await this.#send('POST', '/resume')) as Rotation;
  }

  /** Newest first. */
  reloads(options: { readonly limit?: number } = {}): Promise<ReloadList> {
    const { limit } = options;
    return this.#get<ReloadList>(withQuery('/reloads', limit === undefined ? {} : { limit: String(limit) }));
  }

  reloadRecord(id: string): Promise<ReloadRecord> {
    return this.#get<ReloadRecord>(`/reloads/${encodeURIComponent(id)}`);
  }

  /** Resolves with the record of the cancelled request. Throws `reload_not_found` and `reload_not_cancellable`. */
  async cancelReload(id: string): Promise<ReloadRecord> {
    const target = `/reloads/${encodeURIComponent(id)}`;
    // What the contract lists.
    return (await this.#send('DELETE', target, { extraMs: CANCEL_WAIT_MS })) as ReloadRecord;
  }

  logLevel(): Promise<LogLevelAnswer> {
    return this.#get<LogLevelAnswer>('/loglevel');
  }

  /** The configured level with `default`; with `for`, such as `10m`, it returns by itself. */
  async setLogLevel(
    level: LogLevelAnswer['level'] | 'default',
    options: { readonly for?: string } = {},
  ): Promise<LogLevelAnswer> {
    // What the contract lists.
    return (await this.#send('PUT', '/loglevel', { body: { level, ...options } })) as LogLevelAnswer;
  }

  /**
   * What happens in the server from now on, or since the event with the id `since`, which begins with an event `stream.gap` if some of
   * that is not known any more. Ends when the server closes, when the signal aborts, and when the loop that reads it ends. Throws
   * `connection_failed` when the connection breaks, and `wait_timeout` when the server falls silent.
   */
  events(options: ClientEventOptions = {}): AsyncGenerator<StreamedEvent, void> {
    const { types, since, signal } = options;
    const { socketPath, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const target = withQuery('/events', types === undefined ? {} : { types: types.join(',') });
    return readEvents({ socketPath, timeoutMs, target, userAgent: this.#userAgent, lastEventId: since, signal });
  }

  /**
   * Each call that is answered from now on, with the time that it spent in each phase. Ends when the server closes or drops a reader that is too
   * slow, when the signal aborts, and when the loop that reads it ends. Throws what `events` throws.
   */
  async *trace({
    endpoint,
    slowerThan,
    errors,
    signal,
  }: ClientTraceOptions = {}): AsyncGenerator<CallTraceEntry, void> {
    const { socketPath, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options;
    const target = withQuery('/trace', {
      ...(endpoint !== undefined && { endpoint }),
      ...(slowerThan !== undefined && { slower_than: slowerThan }),
      ...(errors === true && { errors: 'true' }),
    });
    const request = { socketPath, timeoutMs, target, userAgent: this.#userAgent, signal };
    for await (const { event, data } of readEvents<TraceEvent>(request)) if (event === 'call') yield data;
  }

  /** Calls an endpoint as `mxcp run` does; `owner_only` without the token of the server's owner. */
  run(body: BodyOf<'runEndpoint'>): Promise<CallResult> {
    return this.#act<CallResult>('/run', body);
  }

  /** Runs SQL on the database of the server; `owner_only` without the token of the server's owner. */
  query(body: BodyOf<'runQuery'>): Promise<CallResult> {
    return this.#act<CallResult>('/query', body);
  }

  /** Checks the project of the server as it is on disk; `owner_only` without the token of the server's owner. */
  validate(): Promise<ProjectReport> {
    return this.#act<ProjectReport>('/validate', {});
  }

  /** The last lines of the log, the oldest first; all that the server keeps unless `lines` is given. */
  logs(options: { readonly lines?: number } = {}): Promise<Logs> {
    const { lines } = options;
    return this.#get<Logs>(withQuery('/logs', lines === undefined ? {} : { lines: String(lines) }));
  }

  /** Records of the audit log, the newest first. Throws `query_failed`. */
  auditRecords(options: ClientAuditOptions = {}): Promise<AuditRecords> {
    return this.#get<AuditRecords>(withQuery('/audit/query', toAuditQuery(options)));
  }

  auditStats(options: Pick<ClientAuditOptions, 'from' | 'until'> = {}): Promise<AuditStats> {
    return this.#get<AuditStats>(withQuery('/audit/stats', toAuditQuery(options)));
  }

  /** The people who have signed in, the session that was used last first. Throws `sessions_off`. */
  sessions(options: ClientSessionOptions = {}): Promise<SessionList> {
    const { user, limit, offset } = options;
    return this.#get<SessionList>(
      withQuery('/auth/sessions', {
        ...(user !== undefined && { user }),
        ...(limit !== undefined && { limit: String(limit) }),
        ...(offset !== undefined && { offset: String(offset) }),
      }),
    );
  }

  /** Ends one session. Throws `session_not_found`, `sessions_off`. */
  async endSession(id: string): Promise<Session> {
    // What the contract lists.
    return (await this.#send('DELETE', `/auth/sessions/${encodeURIComponent(id)}`)) as Session;
  }

  /** Ends the sessions of one user, or with `all` those of all users. Throws `sessions_off`. */
  async endSessions(whose: { readonly user: string } | { readonly all: true }): Promise<EndedSessions> {
    const query = 'user' in whose ? { user: whose.user } : { all: 'true' };
    // What the contract lists.
    return (await this.#send('DELETE', withQuery('/auth/sessions', query))) as EndedSessions;
  }

  systemInfo(): Promise<SystemInfo> {
    return this.#get<SystemInfo>('/system/info');
  }

  systemCpu(): Promise<SystemCpu> {
    return this.#get<SystemCpu>('/system/cpu');
  }

  systemMemory(): Promise<SystemMemory> {
    return this.#get<SystemMemory>('/system/memory');
  }

  systemDisk(): Promise<SystemDisk> {
    return this.#get<SystemDisk>('/system/disk');
  }

  /** Throws `platform_unsupported` where the system does not count. */
  systemNetwork(): Promise<SystemNetwork> {
    return this.#get<SystemNetwork>('/system/network');
  }

  systemProcess(): Promise<SystemProcess> {
    return this.#get<SystemProcess>('/system/process');
  }

  openapi(): Promise<OpenApiDocument> {
    return this.#get<OpenApiDocument>('/openapi.json');
  }

  get #userAgent(): string {
    return `mxcp-${this.#options.trigger === 'cli' ? 'cli' : 'client'}/${version}`;
  }

  async #get<Answer>(target: string): Promise<Answer> {
    // Not checked again: the contract tests hold the server to it, and the client stays free of the schema library.
    return (await this.#send('GET', target)) as Answer;
  }

  /** The server limits how long a call takes. */
  async #act<Answer>(path: string, body: unknown): Promise<Answer> {
    // What the contract lists.
    return (await this.#send('POST', path, { extraMs: MAX_WAIT_MS, body })) as Answer;
  }

  async #probe(target: '/readyz' | '/startupz'): Promise<ProbeOk | ProbeFailed> {
    try {
      return await this.#get<ProbeOk>(target);
    } catch (error) {
      if (error instanceof AdminApiError && isProbeFailed(error.body)) return error.body;
      throw error;
    }
  }

  /** Resolves with the body of a success. */
  async #send(
    method: SocketRequest['method'],
    target: string,
    { extraMs = 0, ...request }: SendOptions = {},
  ): Promise<unknown> {
    const { socketPath, timeoutMs = DEFAULT_TIMEOUT_MS, token, parse } = this.#options;
    const answer = await sendRequest({
      socketPath,
      method,
      target,
      userAgent: this.#userAgent,
      timeoutMs: timeoutMs + extraMs,
      token,
      parse,
      ...request,
    });
    if (answer.status < 200 || answer.status > 299) throw new AdminApiError(answer);
    return answer.body;
  }
}

interface SendOptions extends Partial<Pick<SocketRequest, 'body' | 'accept' | 'parse'>> {
  /** How much longer than usual the answer may take. */
  readonly extraMs?: number;
}

function withQuery(path: string, query: Readonly<Record<string, string>>): string {
  const search = new URLSearchParams(query).toString();
  return search === '' ? path : `${path}?${search}`;
}

function isProbeFailed(body: unknown): body is ProbeFailed {
  return typeof body === 'object' && body !== null && 'checks' in body && Array.isArray(body.checks);
}
