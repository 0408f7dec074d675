import { z } from 'zod';
import {
  callResult,
  config,
  endpointList,
  errorBody,
  health,
  probeFailed,
  probeOk,
  projectReport,
  reloadAccepted,
  reloadErrorBody,
  reloadList,
  reloadRecord,
  rotation,
  status,
} from './answers.js';
import { AUDIT_ROUTES } from './audit-routes.js';
import { component } from './components.js';
import { eventStream, eventTypes } from './events.js';
import { logLevel, logLevelChange } from './log-level.js';
import { metrics } from './metrics-answer.js';
import { commonErrors, errorResponse, reading, type RouteContract, streaming } from './route-contract.js';
import {
  logs,
  systemCpu,
  systemDisk,
  systemInfo,
  systemMemory,
  systemNetwork,
  systemProcess,
} from './system-answers.js';
import { SESSION_ROUTES } from './session-routes.js';
import { flag, recordLimit, waitDuration } from './wire-format.js';
import { traceStream } from './trace-answers.js';

const serviceIndex = component(
  'ServiceIndex',
  'Name, version and the path of the contract.',
  z.strictObject({ service: z.literal('mxcp-admin'), version: z.string(), docs: z.string(), openapi: z.string() }),
);

const openApiDocument = component('OpenApi', 'An OpenAPI 3.1 document.', z.record(z.string(), z.unknown()));

const indexReading = reading(serviceIndex, 'The index.');
const documentReading = reading(openApiDocument, 'The document.');

/** For browsers. */
const AS_PAGE = { textTypes: ['text/html'] } as const;

const passing = reading(probeOk, 'Every check passes.');
const notReady = errorResponse(probeFailed, ['server_starting', 'server_closing', 'server_busy', 'not_ready']);
const probing = { ...passing, responses: { ...passing.responses, 503: notReady } } as const;

/** As large as a message of an MCP client. */
const MAX_CALL_BYTES = 4 * 1024 * 1024;

/** What the owner of the server asks of the project while the server has its database open. */
const acting = {
  method: 'POST',
  tag: 'project',
  owner: true,
  bodyBytes: MAX_CALL_BYTES,
  query: z.strictObject({}),
} as const;

const callErrors = {
  ...commonErrors,
  400: errorResponse(errorBody, ['bad_request', 'params_invalid', 'secret_failed']),
  403: errorResponse(errorBody, ['forbidden_origin', 'read_only_socket', 'owner_only']),
  404: errorResponse(errorBody, ['endpoint_not_found', 'not_found']),
  500: errorResponse(errorBody, [
    'query_failed',
    'query_interrupted',
    'result_too_large',
    'output_invalid',
    'prompt_failed',
    'python_failed',
    'worker_exited',
    'database_failed',
    'internal',
  ]),
  504: errorResponse(errorBody, ['call_timeout']),
} as const;

const values = z.record(z.string(), z.unknown());

const networkReading = reading(systemNetwork, 'The counters.');

const readingMetrics = reading(metrics, 'The metrics.');

const readingConfig = reading(config, 'The configuration.');

const recordReading = reading(reloadRecord, 'The record.');

/** Every route of the admin API. Keys are the operation ids. */
export const ROUTES = {
  getIndex: {
    ...indexReading,
    path: '/',
    tag: 'contract',
    doc: 'Name, version and the path of the contract; for browsers a page with the status.',
    responses: { ...indexReading.responses, 200: { ...indexReading.responses[200], ...AS_PAGE } },
  },
  getHealth: {
    ...reading(health, 'It answers.'),
    path: '/health',
    tag: 'probes',
    doc: 'Whether the process answers; also while it starts, reloads or drains.',
    probe: true,
  },
  getLivez: {
    ...reading(health, 'It answers.'),
    path: '/livez',
    tag: 'probes',
    doc: 'The same as `/health`, under the name that Kubernetes uses.',
    probe: true,
  },
  getReadyz: { ...probing, path: '/readyz', tag: 'probes', doc: 'Whether calls would be served now.', probe: true },
  getStartupz: {
    ...probing,
    path: '/startupz',
    tag: 'probes',
    doc: 'Whether the server has been ready once.',
    probe: true,
  },
  getStatus: {
    ...reading(status, 'The status, also when degraded and while it starts or stops.'),
    path: '/status',
    tag: 'status',
    doc: 'Version, uptime, endpoint counts, reload state and readiness checks.',
    probe: true,
  },
  getMetrics: {
    ...readingMetrics,
    path: '/metrics',
    tag: 'status',
    doc: 'Metrics for Prometheus, as text, OpenMetrics or JSON.',
    probe: true,
    responses: {
      ...readingMetrics.responses,
      200: { ...readingMetrics.responses[200], textTypes: ['text/plain', 'application/openmetrics-text'] },
      404: errorResponse(errorBody, ['metrics_off']),
    },
  },
  getConfig: {
    ...readingConfig,
    path: '/config',
    tag: 'config',
    doc: 'The active configuration, without any secret.',
    requestHeaders: {
      'If-None-Match': 'An `ETag` of an earlier answer; the same configuration is then 304 without a body.',
    },
    responses: {
      ...readingConfig.responses,
      200: { ...readingConfig.responses[200], headers: ['ETag'] },
      304: { schema: z.null(), doc: 'The configuration has not changed.', empty: true, headers: ['ETag'] },
    },
  },
  listEndpoints: {
    ...reading(endpointList, 'The endpoints.'),
    path: '/endpoints',
    tag: 'endpoints',
    doc: 'Every endpoint file: served, disabled, or left out with its error.',
  },
  postReload: {
    method: 'POST',
    path: '/reload',
    tag: 'reload',
    doc: 'Reloads secrets, references and connections; answers at once unless asked to wait.',
    query: z.strictObject({
      wait: waitDuration
        .optional()
        .describe('Answer when this reload has ended: `30s`, `2m`, a bare number of seconds; at most `10m`.'),
      dry_run: flag
        .optional()
        .describe('Build and check a candidate, then throw it away. Waits up to ten minutes unless `wait` is given.'),
      definitions: flag
        .optional()
        .describe('Also read endpoint definitions again. The default is the setting of the server.'),
      force: flag.optional().describe('Interrupt running calls instead of waiting for them; not for a dry run.'),
    }),
    body: z.strictObject({}),
    requestHeaders: {
      'If-Match': 'The `ETag` of `GET /config`; the request is refused when another configuration is active.',
    },
    responses: {
      ...commonErrors,
      200: { schema: reloadRecord, doc: 'The reload that was waited for succeeded.' },
      202: { schema: reloadAccepted, doc: 'The reload is queued.', headers: ['Location'] },
      412: errorResponse(errorBody, ['precondition_failed']),
      429: errorResponse(errorBody, ['reload_rate_limited']),
      500: errorResponse(reloadErrorBody, ['reload_failed', 'reload_cancelled', 'internal']),
      504: { ...errorResponse(errorBody, ['wait_timeout']), headers: ['Location'] },
    },
  },
  listReloads: {
    ...reading(reloadList, 'The records.'),
    path: '/reloads',
    tag: 'reload',
    doc: 'The last reloads, newest first.',
    query: z.strictObject({ limit: recordLimit.optional().describe('At most this many records.') }),
  },
  getReload: {
    ...recordReading,
    path: '/reloads/{id}',
    tag: 'reload',
    doc: 'One reload, by the id of any request that it answers.',
    responses: { ...recordReading.responses, 404: errorResponse(errorBody, ['reload_not_found']) },
  },
  deleteReload: {
    method: 'DELETE',
    path: '/reloads/{id}',
    tag: 'reload',
    doc: 'Cancels a reload that is queued or has not taken effect yet.',
    query: z.strictObject({}),
    responses: {
      ...commonErrors,
      200: { schema: reloadRecord, doc: 'The record of the cancelled request.' },
      404: errorResponse(errorBody, ['reload_not_found']),
      409: errorResponse(errorBody, ['reload_not_cancellable']),
      504: { ...errorResponse(errorBody, ['wait_timeout']), headers: ['Location'] },
    },
  },
  postDrain: {
    method: 'POST',
    path: '/drain',
    tag: 'rotation',
    doc: 'Takes the server out of rotation: `/readyz` fails, new calls of MCP clients are refused, running ones end. Idempotent.',
    query: z.strictObject({
      wait: waitDuration
        .optional()
        .describe('Answer when no call is left: `30s`, `2m`, a bare number of seconds; at most `10m`.'),
    }),
    body: z.strictObject({}),
    responses: {
      ...commonErrors,
      200: { schema: rotation, doc: 'The server is out of rotation.' },
      504: errorResponse(errorBody, ['wait_timeout']),
    },
  },
  postResume: {
    method: 'POST',
    path: '/resume',
    tag: 'rotation',
    doc: 'Brings the server back into rotation. Idempotent.',
    query: z.strictObject({}),
    body: z.strictObject({}),
    responses: { ...commonErrors, 200: { schema: rotation, doc: 'The server takes new calls.' } },
  },
  runEndpoint: {
    ...acting,
    path: '/run',
    doc: 'Calls an endpoint of the current generation, as `mxcp run` does.',
    body: z.strictObject({
      type: z.enum(['tool', 'resource', 'prompt']),
      name: z.string().describe('The name of a tool or prompt; the URI, template or name of a resource.'),
      parameters: values.optional(),
      user_context: values.optional().describe('The user that SQL and code see: `username`, `email`, `provider`.'),
      request_headers: z.record(z.string(), z.string()).optional(),
      skip_output_validation: z.boolean().optional(),
      with_data: z.boolean().optional().describe('Whether images, audio and documents come whole, not described.'),
    }),
    responses: { ...callErrors, 200: { schema: callResult, doc: 'The result.' } },
  },
  runQuery: {
    ...acting,
    path: '/query',
    doc: 'Runs SQL on the database of the current generation, as `mxcp query` does.',
    body: z.strictObject({
      sql: z.string(),
      parameters: values.optional(),
      limit: z.int().min(1).optional().describe('At most this many rows.'),
    }),
    responses: { ...callErrors, 200: { schema: callResult, doc: 'The rows.' } },
  },
  validateProject: {
    ...acting,
    path: '/validate',
    doc: 'Checks the project on disk, as `mxcp validate` does. Nothing of it is served.',
    body: z.strictObject({}),
    responses: {
      ...commonErrors,
      403: callErrors[403],
      200: { schema: projectReport, doc: 'The report, also when there are errors.' },
    },
  },
  getLogs: {
    ...reading(logs, 'The lines.'),
    path: '/logs',
    tag: 'status',
    doc: 'The last lines of the log, from memory.',
    query: z.strictObject({
      lines: recordLimit.optional().describe('At most this many lines; all that are kept unless given.'),
    }),
  },
  getSystemInfo: {
    ...reading(systemInfo, 'The facts.'),
    path: '/system/info',
    tag: 'system',
    doc: 'CPUs, memory and versions of the machine, within the limits of a container.',
  },
  getSystemCpu: {
    ...reading(systemCpu, 'The load.'),
    path: '/system/cpu',
    tag: 'system',
    doc: 'CPU load since an earlier answer; it never waits for a measurement.',
  },
  getSystemMemory: {
    ...reading(systemMemory, 'The memory.'),
    path: '/system/memory',
    tag: 'system',
    doc: 'Memory of the machine or the container, and of the server.',
  },
  getSystemDisk: {
    ...reading(systemDisk, 'The disks.'),
    path: '/system/disk',
    tag: 'system',
    doc: 'Space on the root file system and on those of the database and the project.',
  },
  getSystemNetwork: {
    ...networkReading,
    path: '/system/network',
    tag: 'system',
    doc: 'Bytes, packets and errors of all network interfaces.',
    responses: { ...networkReading.responses, 501: errorResponse(errorBody, ['platform_unsupported']) },
  },
  getSystemProcess: {
    ...reading(systemProcess, 'The process.'),
    path: '/system/process',
    tag: 'system',
    doc: 'CPU, memory, threads and descriptors of the server.',
  },
  ...AUDIT_ROUTES,
  ...SESSION_ROUTES,
  getLogLevel: {
    ...reading(logLevel, 'The level.'),
    path: '/loglevel',
    tag: 'status',
    doc: 'The level of the log, and when the configured one returns.',
  },
  putLogLevel: {
    ...reading(logLevel, 'The level from now on.'),
    method: 'PUT',
    path: '/loglevel',
    tag: 'status',
    doc: 'Chooses another level of the log, for a time or until a restart.',
    body: logLevelChange,
  },
  getEvents: {
    ...streaming(eventStream, 'The events, until either side ends them.'),
    path: '/events',
    tag: 'status',
    doc: 'What happens in the server, as server-sent events: reloads, readiness, failed calls, warnings.',
    query: z.strictObject({
      types: eventTypes
        .optional()
        .describe(
          'Only these events, separated by commas: `reload.ended,call.error`; `reload` means all of `reload.*`.',
        ),
    }),
    requestHeaders: { 'Last-Event-ID': 'The id of the last event that was seen; those since then come first.' },
  },
  getTrace: {
    ...streaming(traceStream, 'The calls, until either side ends them.'),
    path: '/trace',
    tag: 'status',
    doc: 'Each call that is answered, as server-sent events, with the time that it spent in each phase.',
    query: z.strictObject({
      endpoint: z
        .string()
        .optional()
        .describe('Only calls of this endpoint: a name, or the URI of a resource as declared.'),
      slower_than: waitDuration.optional().describe('Only calls that took at least this long: `100ms`, `2s`.'),
      errors: flag.optional().describe('Only calls that failed.'),
    }),
  },
  getDocs: {
    ...documentReading,
    path: '/docs',
    tag: 'contract',
    doc: 'This contract as a page, which loads nothing from a network.',
    responses: { ...documentReading.responses, 200: { ...documentReading.responses[200], ...AS_PAGE } },
  },
  getOpenApi: { ...documentReading, path: '/openapi.json', tag: 'contract', doc: 'This contract as OpenAPI 3.1.' },
} as const satisfies Record<string, RouteContract>;
