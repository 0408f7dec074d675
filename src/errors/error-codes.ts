/**
 * What a kind of error means to the two edges that turn errors into output: the HTTP status of the admin API and
 * the exit code of a command.
 */
const KINDS = {
  /** The user can fix it: configuration, endpoint files, arguments. */
  user: { httpStatus: 400, exitCode: 2 },
  not_found: { httpStatus: 404, exitCode: 2 },
  /** The request is valid but refused. */
  forbidden: { httpStatus: 403, exitCode: 2 },
  /** The machine prevents it: a port in use, a path that cannot be written, a locked file. */
  environment: { httpStatus: 500, exitCode: 3 },
  /** A temporary condition; the same request may succeed later. */
  unavailable: { httpStatus: 503, exitCode: 4 },
  /** SQL or code of the project failed. */
  execution: { httpStatus: 500, exitCode: 1 },
  timeout: { httpStatus: 504, exitCode: 4 },
  /** A bug in mxcp. */
  internal: { httpStatus: 500, exitCode: 70 },
} as const;

export type ErrorKind = keyof typeof KINDS;

interface CodeEntry {
  readonly kind: ErrorKind;
  /** Overrides the kind's HTTP status where HTTP has a more exact one. */
  readonly httpStatus?: number;
  readonly doc: string;
}

/**
 * Every error code. Codes are part of the interface: a code is never reused for another meaning. `docs/reference/errors.md` lists the same codes; a contract test compares the two.
 */
export const ERROR_CODES = {
  usage: {
    kind: 'user',
    doc: 'The command line, a setting in the environment or an argument of `AdminClient` is not valid.',
  },
  project_not_found: {
    kind: 'user',
    doc: 'No `mxcp-site.yml` in the working directory, or the folder of `-C`, or any folder above it.',
  },
  config_not_found: {
    kind: 'user',
    doc: 'A configuration file that you named, or that the active configuration was read from, does not exist.',
  },
  config_invalid: {
    kind: 'user',
    doc: 'A configuration file has problems; every one is listed with file, line and column.',
  },
  profile_unknown: { kind: 'user', doc: 'The chosen profile exists in neither configuration file.' },
  reference_unresolved: { kind: 'user', doc: 'A `${NAME}`, `file://`, `vault://` or `op://` reference has no value.' },
  protection_unavailable: {
    kind: 'user',
    doc: 'The configuration asks for a protection that this version does not enforce, for example scopes without authentication. The server refuses to run without it.',
  },
  feature_unavailable: { kind: 'user', doc: 'The configuration asks for a feature that this version does not have.' },
  endpoint_invalid: { kind: 'user', doc: 'One or more endpoint files cannot be served; every one is listed.' },
  contract_invalid: {
    kind: 'user',
    doc: 'The file with which `mxcp contract --check` compares the project does not exist, cannot be read, or is not a contract.',
  },
  group_not_found: {
    kind: 'not_found',
    doc: 'The configuration has no group of this name; a reload may have removed it.',
  },
  endpoint_not_found: { kind: 'not_found', doc: 'No endpoint of that kind and name is served.' },
  policy_denied: {
    kind: 'forbidden',
    doc: 'A policy of the endpoint denied the call, or its answer, or its SQL would go around the rules for rows; the message has the reason and the id of the decision.',
  },
  input_required: {
    kind: 'user',
    doc: 'The call has asked its client a question, and continues when it is answered. Only records have this code; a client gets the question.',
  },
  confirmation_unsupported: {
    kind: 'forbidden',
    doc: 'The endpoint asks a person first, or its code asks its client, and this client cannot be asked.',
  },
  confirmation_declined: { kind: 'forbidden', doc: 'The person who was asked declined the call, so it was not made.' },
  confirmation_cancelled: {
    kind: 'forbidden',
    doc: 'The question was closed without an answer, so the call was not made.',
  },
  confirmation_expired: {
    kind: 'forbidden',
    doc: 'The question was not answered within `--answer-timeout`, so the call was not made.',
  },
  confirmation_invalid: {
    kind: 'forbidden',
    doc: 'The answer does not belong to this call: its state was changed, or comes from another server, another caller, or a call with other arguments.',
  },
  confirmation_used: { kind: 'forbidden', doc: 'The answer was used already: an answer allows one call.' },
  confirmation_outdated: {
    kind: 'forbidden',
    doc: 'The endpoint, or the question that its code asks, has changed since the question was asked.',
  },
  confirmation_store_failed: {
    kind: 'unavailable',
    doc: 'The folder of `confirmations` cannot be written, so an answer could be used twice; calls with an answer are refused, and a start fails.',
  },
  tool_error: { kind: 'user', doc: 'A Python function refused the call with `ToolError`; the message is its text.' },
  not_found: { kind: 'not_found', doc: 'The endpoint found nothing for these arguments.' },
  params_invalid: { kind: 'user', doc: 'The arguments of a call do not match the declared parameters.' },
  query_failed: { kind: 'execution', doc: 'DuckDB refused a statement, or the statement failed.' },
  query_interrupted: {
    kind: 'execution',
    doc: 'The call was cancelled, or a forced reload ended it; its query was interrupted.',
  },
  call_timeout: {
    kind: 'timeout',
    doc: 'The call took longer than `--call-timeout`, including its time in the queue, and was interrupted.',
  },
  result_too_large: { kind: 'execution', doc: 'The result is larger than `--max-result-bytes`.' },
  output_invalid: { kind: 'execution', doc: 'The result does not match the declared `return` type.' },
  prompt_failed: { kind: 'execution', doc: 'A prompt template could not be rendered.' },
  rate_limited: {
    kind: 'unavailable',
    httpStatus: 429,
    doc: 'The caller has called more often than a `rate_limit` allows; the message says when to try again.',
  },
  server_busy: { kind: 'unavailable', doc: 'Too many calls, reloads or admin requests are waiting; try again.' },
  too_many_streams: {
    kind: 'unavailable',
    doc: 'Eight clients read events already, which is the limit; end one of them.',
  },
  server_starting: { kind: 'unavailable', doc: 'The server has not become ready yet.' },
  not_ready: { kind: 'unavailable', doc: 'A check that readiness depends on fails; `checks` says which.' },
  server_closing: { kind: 'unavailable', doc: 'The server is shutting down and accepts nothing new.' },
  database_missing: {
    kind: 'environment',
    doc: 'The database file or its folder does not exist or cannot be created.',
  },
  database_locked: { kind: 'environment', doc: 'Another process holds the database file.' },
  database_failed: { kind: 'environment', doc: 'The database file cannot be opened or does not answer.' },
  database_too_new: {
    kind: 'environment',
    doc: 'The database file was written by a newer DuckDB in a format that this version cannot read; the message says how to convert it.',
  },
  database_replaced: {
    kind: 'environment',
    doc: 'The database file was replaced while it was being opened, or a read-only file was overwritten in place.',
  },
  extension_failed: { kind: 'environment', doc: 'A DuckDB extension cannot be installed or loaded.' },
  attach_failed: {
    kind: 'environment',
    doc: 'A database of `attach` cannot be attached, for example because its server does not answer.',
  },
  secret_failed: { kind: 'user', doc: 'DuckDB refused to create a secret.' },
  socket_path_invalid: {
    kind: 'environment',
    doc: 'The socket path is too long, or something other than a socket is there.',
  },
  socket_in_use: { kind: 'environment', doc: 'A live server owns the socket path.' },
  socket_permission: { kind: 'environment', doc: 'The folder of the socket cannot be written, or is not safe to use.' },
  socket_failed: { kind: 'environment', doc: 'The socket could not be created for another reason.' },
  port_in_use: { kind: 'environment', doc: 'The MCP port is taken, or this user may not open it.' },
  connection_failed: {
    kind: 'environment',
    doc: 'An `mxcp admin` command or `AdminClient` cannot reach the admin socket.',
  },
  output_failed: {
    kind: 'environment',
    doc: 'A command cannot write its output, to standard output or to a file, for example because the disk is full.',
  },
  python_not_found: { kind: 'environment', doc: 'The Python interpreter cannot be started, or is older than 3.9.' },
  python_failed: { kind: 'execution', doc: "A project's Python code raised an error, or cannot be read or imported." },
  worker_exited: {
    kind: 'execution',
    doc: 'The Python process that ran a call ended; the message says how. A running server replaces the process.',
  },
  unauthenticated: {
    kind: 'forbidden',
    httpStatus: 401,
    doc: 'The request has no valid credentials: no token, or one that has expired, was revoked or is for another server.',
  },
  insufficient_scope: {
    kind: 'forbidden',
    doc: 'The token of the caller lacks a scope that the endpoint needs; the message names all that it needs.',
  },
  sessions_off: {
    kind: 'not_found',
    doc: 'This server gives out no tokens, or another process does, so it has no sessions of people who have signed in.',
  },
  session_not_found: {
    kind: 'not_found',
    doc: 'No session has this id; it may have ended. `mxcp admin sessions` lists all.',
  },
  persistence_failed: {
    kind: 'environment',
    doc: 'The file of OAuth sessions cannot be read or written: its disk, its permissions, or another `auth_encryption_key`.',
  },
  identity_provider_unavailable: {
    kind: 'unavailable',
    doc: 'The identity provider does not answer, so callers cannot be checked; no caller is let in unchecked.',
  },
  reload_failed: {
    kind: 'execution',
    doc: 'A reload failed; the record gives the stage and the reason. Except after some failed handovers, the previous generation keeps serving.',
  },
  reload_cancelled: { kind: 'execution', doc: 'A request has cancelled the reload before it took effect.' },
  reload_not_cancellable: {
    kind: 'user',
    httpStatus: 409,
    doc: 'The reload to cancel has ended, or takes effect already.',
  },
  reload_rate_limited: {
    kind: 'unavailable',
    httpStatus: 429,
    doc: 'More reloads were asked for than `--reload-rate-limit` allows; `Retry-After` says when the next one may be.',
  },
  precondition_failed: {
    kind: 'user',
    httpStatus: 412,
    doc: 'Another configuration is active than the one that `If-Match` names; `GET /config` shows it.',
  },
  drain_timeout: {
    kind: 'timeout',
    doc: 'Running calls delayed a handover of the database until `--reload-drain-timeout` ran out.',
  },
  payload_timeout: {
    kind: 'timeout',
    doc: 'The payload of `reload_duckdb()` took longer than `--reload-drain-timeout` and was ended.',
  },
  wait_timeout: { kind: 'timeout', doc: 'The time to wait for an answer ran out; the work continues.' },
  platform_unsupported: {
    kind: 'environment',
    httpStatus: 501,
    doc: 'This operating system does not offer what was asked for.',
  },
  bad_request: { kind: 'user', doc: 'A query option or the body of an admin request is not valid.' },
  forbidden_origin: { kind: 'forbidden', doc: 'The request comes from a page or host that may not use this socket.' },
  owner_only: {
    kind: 'forbidden',
    doc: 'Only the user who runs the server may use this route: the request needs the token of the file that the server keeps beside its database.',
  },
  read_only_socket: { kind: 'forbidden', doc: 'The probe socket serves only probes.' },
  route_not_found: { kind: 'not_found', doc: 'No such admin route.' },
  metrics_off: { kind: 'not_found', doc: 'The server runs without metrics (`MXCP_METRICS=off`).' },
  audit_failed: {
    kind: 'unavailable',
    doc: 'The audit log cannot be written, so calls are refused (`audit.on_failure: stop`); at a start, its folder cannot be created or written.',
  },
  reload_not_found: { kind: 'not_found', doc: 'No reload with that id is remembered.' },
  method_not_allowed: {
    kind: 'user',
    httpStatus: 405,
    doc: 'The route does not support this method; `Allow` lists those it does.',
  },
  request_timeout: { kind: 'user', httpStatus: 408, doc: 'The request did not arrive in time.' },
  body_too_large: { kind: 'user', httpStatus: 413, doc: 'The body of an admin request is larger than 64 KiB.' },
  headers_too_large: { kind: 'user', httpStatus: 431, doc: 'The headers of an admin request are too large.' },
  internal: { kind: 'internal', doc: 'A bug in mxcp. Please report it.' },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof ERROR_CODES;

export function httpStatusOf(code: ErrorCode): number {
  const entry: CodeEntry = ERROR_CODES[code];
  return entry.httpStatus ?? KINDS[entry.kind].httpStatus;
}

/** Whether the caller sent something that cannot work, as opposed to a fault of the server or its project. */
export function isCallersMistake(code: ErrorCode): boolean {
  const { kind } = ERROR_CODES[code];
  return kind === 'user' || kind === 'not_found' || kind === 'forbidden';
}

/** Whether SQL or code of the project failed, as opposed to the server. */
export function isExecutionFailure(code: ErrorCode): boolean {
  return ERROR_CODES[code].kind === 'execution';
}

export function exitCodeOf(code: ErrorCode): number {
  return KINDS[ERROR_CODES[code].kind].exitCode;
}
