import { z } from 'zod';
import { component } from './components.js';
import { logLevel } from './log-level.js';
import { timestampToMs, timestampToSecond } from './wire-format.js';

component('Timestamp', 'UTC, to the second.', timestampToSecond);
component('TimestampMs', 'UTC, to the millisecond.', timestampToMs);

const count = z.int().min(0);

const milliseconds = z.number().min(0);

export const errorFields = {
  error: z.string().describe('A code of the table of errors; it never changes its meaning.'),
  message: z.string().describe('What failed, which thing, and what to do.'),
  detail: z.string().optional().describe('Only when the server runs in debug mode.'),
};

export const errorBody = component('Error', 'The body of every refusal.', z.strictObject(errorFields));

export const reloadAccepted = component(
  'ReloadAccepted',
  'The reload is queued; `Location` names its record.',
  z.strictObject({
    status: z.literal('reload_initiated'),
    timestamp: timestampToSecond,
    reload_request_id: z.uuid(),
    message: z.string(),
  }),
);

export const restartRequired = component(
  'RestartRequired',
  'A setting that differs on disk and that only a restart applies. Values are redacted.',
  z.strictObject({ setting: z.string(), running: z.unknown(), on_disk: z.unknown() }),
);

const stageName = z.enum(['load', 'resolve', 'build', 'check', 'swap', 'drain', 'dispose']);

const stage = component(
  'ReloadStage',
  'One step of the transaction.',
  z.strictObject({
    name: stageName,
    status: z.enum(['pending', 'running', 'success', 'error', 'skipped']),
    duration_ms: milliseconds.nullable(),
  }),
);

const referenceOutcome = component(
  'ReferenceOutcome',
  'What a reload found behind one reference. The value itself never appears.',
  z.strictObject({
    ref: z.string(),
    used_by: z.array(z.string()).describe('Dotted configuration paths.'),
    outcome: z.enum(['changed', 'unchanged', 'added', 'removed', 'failed']),
    version: z.string().nullable(),
    error: z
      .string()
      .nullable()
      .describe('Why there is no value; or what is wrong with one that is applied, such as an empty file.'),
    note: z.string().optional().describe('Why a reload cannot change the value.'),
  }),
);

const databaseOutcome = component(
  'DatabaseOutcome',
  'What happened to the database file.',
  z.strictObject({ action: z.enum(['kept', 'reopened', 'handover']), pause_ms: milliseconds, requests_held: count }),
);

const refusedDefinition = component(
  'RefusedDefinition',
  'An endpoint file that was read and is not served as it is on disk, because it has errors.',
  z.strictObject({
    path: z.string().describe('Relative to the project.'),
    type: z.enum(['tool', 'resource', 'prompt']).nullable(),
    name: z.string().nullable(),
    message: z.string().describe('Each problem with its position, one a line.'),
  }),
);

const reloadFailure = component(
  'ReloadFailure',
  'Why the reload changed nothing.',
  z.strictObject({
    code: z.string(),
    message: z.string(),
    stage: stageName,
    file: z.string().nullable(),
    line: z.int().nullable(),
    column: z.int().nullable(),
  }),
);

export const reloadRecord = component(
  'ReloadRecord',
  'What one run of a reload did, for every request that it answers.',
  z.strictObject({
    id: z.string(),
    trigger: z.enum(['sighup', 'api', 'cli', 'endpoint', 'watch', 'refresh']),
    status: z.enum(['queued', 'running', 'success', 'error']),
    dry_run: z.boolean(),
    definitions: z.boolean().describe('Whether endpoint definitions were read again too.'),
    requested_at: timestampToMs,
    started_at: timestampToMs.nullable(),
    ended_at: timestampToMs.nullable(),
    duration_ms: milliseconds.nullable(),
    generation: z.strictObject({ from: count, to: count.nullable() }),
    stages: z.array(stage),
    references: z.array(referenceOutcome),
    database: databaseOutcome.nullable(),
    requests_draining: count,
    restart_required: z.array(restartRequired),
    definitions_changed: z
      .array(z.string())
      .describe('Endpoint definitions on disk that differ from those of the current generation.'),
    definitions_refused: z
      .array(refusedDefinition)
      .describe('Endpoint files that this reload read and refused: the first 100.'),
    error: reloadFailure.nullable(),
    shared_with: z.array(z.string()).describe('Ids of the other requests that this run answers.'),
  }),
);

export const reloadList = component(
  'ReloadList',
  'Newest first; the last 50 runs are remembered.',
  z.strictObject({ reloads: z.array(reloadRecord) }),
);

export const reloadErrorBody = component(
  'ReloadError',
  'A reload that was waited for ended without a change.',
  z.strictObject({ ...errorFields, reload: reloadRecord.optional() }),
);

export const check = component(
  'Check',
  'One thing that readiness depends on.',
  z.strictObject({ name: z.string(), status: z.enum(['ok', 'fail']), message: z.string() }),
);

export const health = component(
  'Health',
  'The process answers.',
  z.strictObject({ status: z.literal('ok'), timestamp: timestampToSecond }),
);

export const probeOk = component(
  'ProbeOk',
  'The probe passes.',
  z.strictObject({ status: z.literal('ok'), checks: z.array(check) }),
);

export const probeFailed = component(
  'ProbeFailed',
  'The probe does not pass; the checks say why.',
  z.strictObject({ ...errorFields, status: z.literal('fail'), checks: z.array(check) }),
);

const endpointCounts = component(
  'EndpointCounts',
  'How many endpoints MCP clients can call now.',
  z.strictObject({ tools: count, prompts: count, resources: count }),
);

const reloadStatus = component(
  'ReloadStatus',
  'The `last_*` fields are null before the first reload.',
  z.strictObject({
    in_progress: z.boolean(),
    draining: z.boolean(),
    active_requests: count,
    last_reload: timestampToSecond.nullable().describe('When the last reload ended, well or not.'),
    last_reload_status: z.enum(['success', 'error']).nullable(),
    last_reload_error: z.string().nullable().describe('One line.'),
    last_reload_id: z.string().nullable(),
    restart_required: z
      .array(z.string())
      .describe('Settings that differ on disk and that only a restart applies, as the last reload found them.'),
    definitions_changed: z
      .array(z.string())
      .describe(
        'Endpoint files that the last reload found changed and did not apply: the first 20; its record has all.',
      ),
    definitions_refused: z
      .array(z.string())
      .describe('The first problem of each endpoint file that was read and refused: the first 20.'),
    queued: count,
  }),
);

const endpointCalls = component(
  'EndpointCalls',
  'The calls of one endpoint since the server started.',
  z.strictObject({
    type: z.enum(['tool', 'resource', 'prompt']),
    name: z.string().describe('A name; for a resource its URI or URI template.'),
    calls: count,
    failures: count,
    last_failure: timestampToSecond.nullable(),
    last_failure_code: z.string().nullable(),
  }),
);

export const calls = component(
  'Calls',
  'The calls that have ended since the server started. What `reload.active_requests` counts is not among them yet.',
  z.strictObject({
    total: count,
    success: count,
    error: count,
    failures: z.record(z.string(), count).describe('By error code.'),
    endpoints: z
      .array(endpointCalls)
      .describe('The 20 endpoints with the most failures, or else with the most calls, first.'),
  }),
);

export const callResult = component(
  'CallResult',
  'What an endpoint or a query returned.',
  z.strictObject({
    status: z.literal('ok'),
    result: z.unknown().describe('As `mxcp run --json-output` and `mxcp query --json-output` print it.'),
    generation: count,
    truncated: z.boolean().describe('Whether there are more rows than `limit`.'),
    definitions_changed: z
      .array(z.string())
      .describe('The file of the endpoint, if it differs on disk from the one that answered.'),
    definitions_refused: z
      .array(z.string())
      .describe('Why the server has not applied that change: the problems of the endpoint files that it refused.'),
  }),
);

export const projectReport = component(
  'ProjectReport',
  'What was found in the project on disk, as `mxcp validate` prints it.',
  z.strictObject({
    verdicts: z.array(
      z.strictObject({
        status: z.enum(['ok', 'error', 'unchecked']),
        path: z.string(),
        message: z.string().nullable(),
        kind: z.enum(['configuration', 'endpoint']),
      }),
    ),
    warnings: z.array(z.string()),
    error: z
      .strictObject({ ...errorFields, during: z.enum(['configuration', 'database']) })
      .nullable()
      .describe('Why something could not be checked, if anything.'),
  }),
);

export const background = component(
  'Background',
  'Work that the server does by itself. When it fails, the current generation keeps serving.',
  z.strictObject({ name: z.string(), status: z.enum(['ok', 'failing']), message: z.string() }),
);

export const rotation = component(
  'Rotation',
  'Whether the server takes new calls.',
  z.strictObject({
    status: z.enum(['in_rotation', 'draining', 'drained']).describe('`drained`: no call is left.'),
    draining_since: timestampToSecond.nullable(),
    active_requests: count.describe('Calls that have not ended.'),
  }),
);

const authentication = z
  .strictObject({ mode: z.enum(['issuer', 'verifier']), provider: z.string() })
  .nullable()
  .describe('How callers are authenticated; null if every client that reaches the server may call.');

export const status = component(
  'Status',
  'The state of the server. `degraded` means that readiness fails; `checks` say why. Numbers are 0 while it starts.',
  z.strictObject({
    status: z.enum(['ok', 'degraded', 'starting']),
    version: z.string(),
    uptime: z.string().describe('For people, e.g. `2h12m35s`.'),
    uptime_seconds: count,
    pid: z.int(),
    profile: z.string().nullable().describe('Null while the server starts and does not know it yet.'),
    mode: z.enum(['readwrite', 'readonly']).nullable().describe('How the database is really open; null before it is.'),
    debug: z.boolean(),
    started_at: timestampToSecond,
    generation: count.describe('Number of the current generation; 1 at start.'),
    draining_since: timestampToSecond
      .nullable()
      .describe('Since when new calls are refused after `POST /drain`; null while they are taken.'),
    endpoints: endpointCounts,
    reload: reloadStatus,
    calls,
    admin_socket: z.strictObject({
      path: z.string(),
      mode: z.string().describe('Octal, e.g. `0600`, as it is now.'),
      probe_path: z.string().nullable(),
    }),
    checks: z.array(check),
    log_level: logLevel,
    auth: authentication,
    features: z
      .array(z.string())
      .describe('What this server can do beyond the first version of this contract. A name never changes its meaning.'),
    background: z.array(background),
  }),
);

const reference = component(
  'Reference',
  'One distinct reference of the configuration, without its value.',
  z.strictObject({
    ref: z.string(),
    used_by: z.array(z.string()).describe('Dotted configuration paths.'),
    source: z
      .string()
      .describe('`env_file`, `process_env`, `file`, `vault`, `onepassword`, or the scheme of another store.'),
    resolved_at: timestampToSecond,
    changed_at: timestampToSecond,
    version: z.string().nullable(),
    fingerprint: z.string().describe('Keyed hash; the key is random per process.'),
  }),
);

const endpointNames = z.strictObject({
  tools: z.array(z.string()),
  prompts: z.array(z.string()),
  resources: z.array(z.string()).describe('URIs and URI templates.'),
});

export const config = component(
  'Config',
  'The configuration of the current generation, built from a list of what may be shown.',
  z.strictObject({
    status: z.literal('ok'),
    project: z.string(),
    profile: z.string(),
    repository_path: z.string(),
    debug: z.boolean(),
    settings: z.array(z.string()).describe('The options and variables that are set, without their values.'),
    transport: z.string(),
    duckdb: z.strictObject({ path: z.string(), readonly: z.boolean() }),
    duckdb_path: z.string().describe('Repeats `duckdb.path`.'),
    readonly: z.boolean().describe('Repeats `duckdb.readonly`.'),
    duckdb_engine: z.strictObject({
      version: z.string().describe('The version of DuckDB that runs the SQL.'),
      storage_version: z.string().nullable().describe('The oldest DuckDB that can read the open file.'),
    }),
    extensions: z.array(z.string()),
    attached: z
      .array(z.strictObject({ name: z.string(), type: z.string(), readonly: z.boolean() }))
      .describe('Databases attached beside that of the profile.'),
    endpoints: endpointNames,
    groups: z.array(endpointNames.extend({ name: z.string() })).describe('What clients of `/mcp/{name}` get.'),
    auth: authentication,
    features: z.strictObject({ sql_tools: z.boolean(), audit_logging: z.boolean(), telemetry: z.boolean() }),
    generation: count,
    loaded_at: timestampToSecond,
    config_files: z.array(z.string()),
    env_files: z.array(z.string()),
    references: z.array(reference),
    restart_required: z.array(restartRequired),
    last_rejected: z.strictObject({ reload_id: z.string(), at: timestampToSecond, error: z.string() }).nullable(),
  }),
);

export const endpoint = component(
  'Endpoint',
  'One endpoint file, as it is served.',
  z.strictObject({
    path: z.string().describe('Relative to the project.'),
    type: z.enum(['tool', 'resource', 'prompt']).nullable(),
    name: z.string().nullable(),
    description: z.string().nullable(),
    language: z.string().nullable(),
    enabled: z.boolean(),
    status: z.enum(['ok', 'disabled', 'error']),
    error: z
      .string()
      .nullable()
      .describe('With the status `ok`: why the file on disk was refused, while an earlier version is served.'),
  }),
);

export const endpointList = component(
  'EndpointList',
  'Every endpoint file: served, disabled, or left out because of an error.',
  z.strictObject({ endpoints: z.array(endpoint) }),
);
