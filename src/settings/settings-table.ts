import {
  address,
  boolean,
  bytes,
  choice,
  duration,
  integer,
  octalMode,
  offering,
  paths,
  type SettingKind,
  text,
  urlPath,
  webUrl,
} from './setting-kinds.js';

/** One setting of the command line or the environment. The flag wins over the variable. */
export interface Setting<T> {
  readonly kind: SettingKind<T>;
  /** As commander declares it; absent if there is only a variable. */
  readonly flag?: string;
  readonly variable?: string;
  /** The default, as it would be typed; absent if a configuration file decides, or if there is no default. */
  readonly fallback?: string;
  readonly doc: string;
}

/** Every setting. Command line options and `docs/operations/configuration.md` say the same as this table. */
export const SETTINGS = {
  projectDir: {
    kind: text,
    flag: '-C, --project-dir <folder>',
    variable: 'MXCP_PROJECT_DIR',
    doc: 'The folder of the project, or one inside it; default: the working directory.',
  },
  config: {
    kind: text,
    flag: '--config <path>',
    variable: 'MXCP_CONFIG',
    doc: 'User configuration file; default: `~/.mxcp/config.yml`, if there is one.',
  },
  profile: {
    kind: text,
    flag: '--profile <name>',
    variable: 'MXCP_PROFILE',
    doc: 'Profile to run; default: `profile` of `mxcp-site.yml`.',
  },
  readonly: {
    kind: boolean,
    flag: '--readonly',
    variable: 'MXCP_READONLY',
    doc: 'Open the database read-only; default: `duckdb.readonly` of the profile.',
  },
  debug: {
    kind: boolean,
    flag: '--debug',
    variable: 'MXCP_DEBUG',
    fallback: 'false',
    doc: 'Log at debug level and show details of errors.',
  },
  duckdbPath: {
    kind: text,
    variable: 'MXCP_DUCKDB_PATH',
    doc: 'Database file of the active profile, relative to the working directory.',
  },
  duckdbMemoryLimit: {
    kind: bytes,
    flag: '--duckdb-memory-limit <size>',
    variable: 'MXCP_DUCKDB_MEMORY_LIMIT',
    doc: 'Memory that DuckDB may use for data and operators; default: half of the memory of the machine or container.',
  },
  duckdbTempLimit: {
    kind: bytes,
    flag: '--duckdb-temp-limit <size>',
    variable: 'MXCP_DUCKDB_TEMP_LIMIT',
    fallback: '10GiB',
    doc: 'Disk space that DuckDB may use for what does not fit into its memory.',
  },
  auditEnabled: {
    kind: boolean,
    variable: 'MXCP_AUDIT_ENABLED',
    doc: 'Switch the audit log of the active profile on or off.',
  },
  telemetryEnabled: {
    kind: boolean,
    variable: 'MXCP_TELEMETRY_ENABLED',
    doc: 'Switch telemetry of the active profile on or off.',
  },
  telemetryTracingConsole: {
    kind: boolean,
    variable: 'MXCP_TELEMETRY_TRACING_CONSOLE',
    doc: 'Also write spans to the log; default: `telemetry.tracing.console_export` of the profile.',
  },
  telemetryMetricsInterval: {
    kind: integer(1, 86_400),
    variable: 'MXCP_TELEMETRY_METRICS_INTERVAL',
    doc: 'Seconds between two exports of metrics; default: `telemetry.metrics.export_interval` of the profile.',
  },
  envFiles: {
    kind: paths,
    flag: '--env-file <path>',
    variable: 'MXCP_ENV_FILE',
    fallback: '',
    doc: 'Files of `NAME=value` lines for `${NAME}`, read again at every reload; repeatable, later ones win.',
  },
  transport: {
    // `sse` is accepted here so that a later check can say what to use instead; errors and completion do not offer it.
    kind: { ...choice('streamable-http', 'stdio', 'sse'), ...offering('streamable-http', 'stdio') },
    flag: '--transport <name>',
    variable: 'MXCP_TRANSPORT',
    doc: 'How clients connect: `streamable-http` or `stdio`; default: `transport.provider`.',
  },
  host: {
    kind: text,
    flag: '--host <address>',
    variable: 'MXCP_HOST',
    doc: 'Address to listen on; default: `transport.http.host`.',
  },
  port: {
    kind: integer(0, 65_535),
    flag: '--port <number>',
    variable: 'MXCP_PORT',
    doc: 'Port to listen on; default: `transport.http.port`.',
  },
  baseUrl: {
    kind: webUrl,
    flag: '--base-url <url>',
    variable: 'MXCP_BASE_URL',
    doc: 'The URL by which clients reach the server, if a proxy is in front of it; default: `transport.http.base_url`.',
  },
  authToken: {
    kind: text,
    variable: 'MXCP_AUTH_TOKEN',
    doc: 'The access token of the client over standard input and output, where the profile asks for authentication.',
  },
  group: {
    kind: text,
    flag: '--group <name>',
    variable: 'MXCP_GROUP',
    doc: 'The group of `mxcp-site.yml` whose endpoints the client over standard input and output gets; default: all endpoints.',
  },
  healthPath: {
    kind: urlPath,
    flag: '--health-path <path>',
    variable: 'MXCP_HEALTH_PATH',
    doc: 'A path on the MCP port, such as `/healthz`, that answers 200 while calls would be served and 503 otherwise; default: none.',
  },
  stateless: {
    kind: boolean,
    flag: '--stateless',
    doc: 'Keep no sessions between HTTP requests; default: `transport.http.stateless`.',
  },
  sqlTools: { kind: boolean, flag: '--sql-tools <on|off>', doc: 'Offer the SQL tools; default: `sql_tools.enabled`.' },
  ignoreErrors: {
    kind: boolean,
    flag: '--ignore-errors',
    fallback: 'false',
    doc: 'Start without the endpoint files that have errors.',
  },
  python: {
    kind: text,
    flag: '--python <path>',
    variable: 'MXCP_PYTHON',
    doc: 'Python 3.9 or later that runs Python endpoints; default: `.venv/bin/python` of the project if it exists, else `python3`.',
  },
  pythonWorkers: {
    kind: integer(1, 64),
    flag: '--python-workers <number>',
    variable: 'MXCP_PYTHON_WORKERS',
    doc: 'Processes that run Python endpoints; default: one per processor, at least 2 and at most 4.',
  },
  admin: {
    kind: boolean,
    flag: '--admin',
    variable: 'MXCP_ADMIN_ENABLED',
    doc: 'Open the admin socket; default: off.',
  },
  adminSocket: {
    kind: text,
    flag: '--admin-socket <path>',
    variable: 'MXCP_ADMIN_SOCKET',
    fallback: '/run/mxcp/mxcp.sock',
    doc: 'Path of the admin socket; the option also switches it on.',
  },
  adminSocketMode: {
    kind: octalMode,
    flag: '--admin-socket-mode <octal>',
    variable: 'MXCP_ADMIN_SOCKET_MODE',
    fallback: '0600',
    doc: 'File mode of the admin socket; a mode that gives access to all users is refused.',
  },
  adminSocketGroup: {
    kind: text,
    flag: '--admin-socket-group <group>',
    variable: 'MXCP_ADMIN_SOCKET_GROUP',
    doc: 'Group of the admin socket, by name or number.',
  },
  adminProbeSocket: {
    kind: text,
    flag: '--admin-probe-socket <path>',
    variable: 'MXCP_ADMIN_PROBE_SOCKET',
    doc: 'A second socket that answers only `/health`, `/livez`, `/readyz`, `/startupz`, `/status` and `/metrics`.',
  },
  adminProbeSocketMode: {
    kind: octalMode,
    flag: '--admin-probe-socket-mode <octal>',
    variable: 'MXCP_ADMIN_PROBE_SOCKET_MODE',
    fallback: '0600',
    doc: 'File mode of the probe socket; may be 0666.',
  },
  adminProbeSocketGroup: {
    kind: text,
    flag: '--admin-probe-socket-group <group>',
    variable: 'MXCP_ADMIN_PROBE_SOCKET_GROUP',
    doc: 'Group of the probe socket, by name or number.',
  },
  adminStrict: {
    kind: boolean,
    flag: '--admin-strict',
    variable: 'MXCP_ADMIN_STRICT',
    fallback: 'false',
    doc: 'Do not start without the admin socket.',
  },
  reloadDefinitions: {
    kind: boolean,
    flag: '--reload-definitions',
    fallback: 'false',
    doc: 'Every reload also reads the endpoint definitions again.',
  },
  watch: {
    kind: boolean,
    flag: '--watch',
    variable: 'MXCP_WATCH',
    fallback: 'false',
    doc: 'Reload when a configuration file, an env file, the file of a `file://` reference or the database changes; with `--reload-definitions` also when an endpoint file, a file that it names, or Python code does.',
  },
  waitForSecrets: {
    kind: duration,
    flag: '--wait-for-secrets <time>',
    variable: 'MXCP_WAIT_FOR_SECRETS',
    fallback: '0',
    doc: 'How long a start waits for references whose store or file is not available yet; 0 disables waiting.',
  },
  maxConcurrentCalls: {
    // Twice this number must fit into the thread pool (64) beside file reads: long calls have the same number of places.
    kind: integer(1, 28),
    flag: '--max-concurrent-calls <number>',
    doc: 'How many calls may run at once; further calls wait. Calls longer than a second move to a second pool of the same size. Default: four per processor, at least 8 and at most 28.',
  },
  maxQueuedCalls: {
    kind: integer(0, 1_000_000),
    flag: '--max-queued-calls <number>',
    fallback: '1000',
    doc: 'Calls that may wait; further calls are refused.',
  },
  callTimeout: {
    kind: duration,
    flag: '--call-timeout <time>',
    fallback: '5m',
    doc: 'How long one call may take, including its time in the queue and pauses by a reload; 0 disables the limit.',
  },
  answerTimeout: {
    kind: duration,
    flag: '--answer-timeout <time>',
    variable: 'MXCP_ANSWER_TIMEOUT',
    fallback: '10m',
    doc: 'How long a client may take to answer a question of a call, such as that of `confirm`; the call itself does not run in the meantime.',
  },
  maxResultBytes: {
    kind: bytes,
    flag: '--max-result-bytes <size>',
    fallback: '10MiB',
    doc: 'Maximum size of the result of one call.',
  },
  reloadResolveTimeout: {
    kind: duration,
    flag: '--reload-resolve-timeout <time>',
    fallback: '10s',
    doc: 'How long resolving all references may take, at start and at reload.',
  },
  reloadDrainTimeout: {
    kind: duration,
    flag: '--reload-drain-timeout <time>',
    fallback: '30s',
    doc: 'How long a reload waits for calls that block it.',
  },
  reloadHoldTimeout: {
    kind: duration,
    flag: '--reload-hold-timeout <time>',
    fallback: '1s',
    doc: 'How long new calls may be paused at a time while a reload waits for running calls; the handover itself, with its payload and `on_init` hooks, takes additional time.',
  },
  reloadRateLimit: {
    kind: integer(0, 100_000),
    flag: '--reload-rate-limit <number>',
    variable: 'MXCP_RELOAD_RATE_LIMIT',
    fallback: '60',
    doc: 'How many reloads a minute the admin API accepts, at most 10 at once; 0 disables the limit.',
  },
  drainGrace: {
    kind: duration,
    flag: '--drain-grace <time>',
    variable: 'MXCP_DRAIN_GRACE',
    fallback: '0',
    doc: 'How long a stopping server still serves calls while `/readyz` fails already, so that load balancers notice first; before `--shutdown-timeout`.',
  },
  shutdownTimeout: {
    kind: duration,
    flag: '--shutdown-timeout <time>',
    fallback: '8s',
    doc: 'How long a graceful shutdown may take.',
  },
  metrics: {
    kind: boolean,
    variable: 'MXCP_METRICS',
    fallback: 'true',
    doc: 'Count calls and reloads for `/metrics`.',
  },
  metricsListen: {
    kind: address,
    flag: '--metrics-listen <address>',
    variable: 'MXCP_METRICS_LISTEN',
    doc: 'Also serve `/metrics`, and nothing else, on this address and port, such as `127.0.0.1:9464`; a port alone means loopback.',
  },
  accessLog: {
    kind: boolean,
    flag: '--access-log',
    variable: 'MXCP_ACCESS_LOG',
    fallback: 'false',
    doc: 'Log one line for each MCP request, with client, method, endpoint, outcome, duration and bytes.',
  },
  logFormat: {
    kind: choice('text', 'json'),
    flag: '--log-format <name>',
    fallback: 'text',
    doc: 'Format of log lines on standard error: `text` or `json`.',
  },
} as const satisfies Record<string, Setting<unknown>>;

export type SettingName = keyof typeof SETTINGS;

type ValueOf<S> = S extends { readonly kind: SettingKind<infer T> } ? T : never;

/** The values of settings; `undefined` for one that has no fallback and was not given. */
export type SettingValues<Names extends SettingName> = {
  readonly [Name in Names as (typeof SETTINGS)[Name]['kind'] extends { readonly unit: 'Ms' } ? `${Name}Ms` : Name]:
    | ValueOf<(typeof SETTINGS)[Name]>
    | ((typeof SETTINGS)[Name] extends { readonly fallback: string } ? never : undefined);
};

/** The command line, by setting: text as typed, or the value itself. */
export type SettingFlags = {
  readonly [Name in SettingName]?: ValueOf<(typeof SETTINGS)[Name]> | string | undefined;
};

/** Variables that users of the format may have set and that have no meaning, or none yet, to the server. */
export const ACCEPTED_VARIABLES = ['MXCP_DISABLE_ANALYTICS'] as const;
