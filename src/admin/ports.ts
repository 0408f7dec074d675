import type {
  AuditRecordsRecord,
  AuditSelection,
  AuditStatsRecord,
  BodyOf,
  Check,
  ConfigRecord,
  EndpointRecord,
  EventName,
  Inside,
  LogsRecord,
  MetricFamily,
  ProjectReportRecord,
  RunRecord,
  SchemaOf,
  SessionListRecord,
  SessionRecord,
  StatusRecord,
  SystemCpuRecord,
  SystemDiskRecord,
  SystemInfoRecord,
  SystemMemoryRecord,
  SystemNetworkRecord,
  SystemProcessRecord,
} from '../contract/index.js';
import type { MxcpError } from '../errors/index.js';
import type { LogLevel } from '../logging/index.js';

/** What the admin API asks of the server, which implements it. */
export interface AdminPorts {
  readonly readiness: ReadinessSource;
  /** Also before the first generation serves. */
  status(): ServerStatus;
  /** This and the next two throw `server_starting` until the first generation serves. */
  config(): ConfigRecord;
  /** The same as long as the active configuration is. */
  configTag(): string;
  /** As they are served, not as they are on disk now. */
  endpoints(): readonly EndpointRecord[];
  /** Undefined when they are off. */
  readonly metrics: MetricsPort | undefined;
  readonly reloads: ReloadPort;
  readonly rotation: RotationPort;
  readonly project: ProjectPort;
  readonly system: SystemPort;
  /** The last lines of the log, at most `count`. */
  logs(count: number): LogsRecord;
  readonly events: EventPort;
  readonly logLevel: LogLevelPort;
  readonly trace: TracePort;
  /** Undefined without an audit log, and until the first generation serves. */
  audit(): AuditPort | undefined;
  /** Throws `sessions_off`, and `server_starting` until the first generation serves. */
  sessions(): SessionPort;
}

/** The people who have signed in at the server. */
export interface SessionPort {
  /** The one that was used last first. `user` is a user id, a username or an address. */
  list(selection: {
    readonly user?: string | undefined;
    readonly limit: number;
    readonly offset: number;
  }): SessionListRecord;
  /** Throws `session_not_found`, `persistence_failed`. */
  end(id: string): Promise<SessionRecord>;
  /** Those of one user, or all. Returns their number. Throws `persistence_failed`. */
  endAll(user: string | undefined): Promise<number>;
}

export interface AuditPort {
  /** The newest first. Throws `query_failed`, `server_busy`, and the signal's reason when that aborts. */
  records(
    selection: AuditSelection,
    page: { readonly limit: number; readonly offset: number },
    signal: AbortSignal,
  ): Promise<AuditRecordsRecord['records']>;
  stats(selection: AuditSelection, signal: AbortSignal): Promise<AuditStatsRecord>;
  /** A request was refused before its handler had it. */
  actionRefused(request: string, error: MxcpError): void;
  /** Resolves when the action has its record, or when none can be written; it never rejects. */
  actionEnded(action: AdminAction): Promise<void>;
}

/** Something that an operator did. */
export interface AdminAction {
  readonly name: string;
  /** What the request asked for. */
  readonly input: Readonly<Record<string, unknown>>;
  readonly error: MxcpError | undefined;
  readonly durationMs: number;
}

/** The rest of the status is what the admin API knows itself. */
export type ServerStatus = Omit<StatusRecord, 'status' | 'adminSocket' | 'checks' | 'features'>;

export interface ReadinessReport {
  readonly phase: 'starting' | 'serving' | 'closing';
  readonly checks: readonly Check[];
}

/** Whether a call would be served. */
export function isReady({ phase, checks }: ReadinessReport): boolean {
  return phase === 'serving' && checks.every(({ status }) => status === 'ok');
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
   * it never rejects. Throws `reload_rate_limited`, `server_closing` and `server_starting`.
   */
  request(request: AdminReload): { readonly id: string; readonly ended: Promise<RunRecord> };
  /** By the id of any request. */
  find(id: string): RunRecord | undefined;
  /** Newest first. */
  list(limit: number): readonly RunRecord[];
  /** Resolves with the record of the request when it has ended. Throws `reload_not_found` and `reload_not_cancellable`. */
  cancel(id: string): Promise<RunRecord>;
}

export type RotationState = Inside<SchemaOf<'postDrain', 200>>;

/** Whether the server takes new calls. Both changes are idempotent. */
export interface RotationPort {
  state(): RotationState;
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

export interface LogLevelPort {
  readonly state: Inside<SchemaOf<'getLogLevel', 200>>;
  /** The configured level with undefined; without a time until the next choice. */
  choose(level: LogLevel | undefined, forMs?: number): LogLevelPort['state'];
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

export interface TracePort {
  /** Delivers each call that is answered from now on, formatted as an event. Returns what ends that. */
  follow(
    selection: {
      readonly endpoint: string | undefined;
      readonly slowerThanMs: number | undefined;
      readonly errors: boolean | undefined;
    },
    deliver: (text: string) => void,
  ): () => void;
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
