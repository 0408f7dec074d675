import { createHash } from 'node:crypto';
import { type Attributes, SpanKind } from '@opentelemetry/api';
import {
  type AnswerFacts,
  CALL_METHODS,
  type CallFailure,
  type CallTiming,
  type TraceContext,
} from '../telemetry/index.js';
import type { EndedSpan } from './span-factory.js';

type Interval = CallTiming['intervals'][number];

/** What the spans of a call say besides what its timing says. */
export interface SpanOptions {
  /** Removes secrets from the message of a failure. */
  readonly scrub: (text: string) => string;
  /** Whether the database is open for reading only. */
  readonly isReadonly: () => boolean;
}

/** The names of phases that have a span of their own. Waiting has one only if the call really waited. */
const SPAN_NAMES: Readonly<Partial<Record<Interval['phase'], string>>> = {
  hold: 'mxcp.reload.wait',
  queue: 'mxcp.queue.wait',
  policy: 'mxcp.policy.enforce_input',
  bind: 'mxcp.validation.input',
  duckdb: 'mxcp.duckdb.execute',
  python: 'mxcp.python.execute',
  render: 'mxcp.prompt.render',
  check: 'mxcp.validation.output',
  encode: 'mxcp.response.write',
};
const WAITED_MS = 1;

/**
 * The spans of a call, the outer ones first: the request, as the semantic conventions for MCP have it, the endpoint, and its phases. Spans name
 * only endpoints that the project declares, and have no value of an argument.
 */
export function* spansOf(timing: CallTiming, trace: TraceContext, options: SpanOptions): Generator<EndedSpan> {
  const { start, startedAt, ended, endedMs, durationMs, endpointSpanId } = timing;
  const endpoint = ended?.endpoint;
  const failure = ended?.failure && toFailure(ended.failure, endpoint !== undefined, options);
  const name = start.kind === 'resource' || endpoint === undefined ? undefined : endpoint;
  yield {
    name: name === undefined ? CALL_METHODS[start.kind] : `${CALL_METHODS[start.kind]} ${name}`,
    kind: SpanKind.SERVER,
    context: trace,
    parentSpanId: start.parent?.spanId,
    isRemoteParent: true,
    startMs: startedAt,
    endMs: startedAt + durationMs,
    attributes: requestAttributes(timing),
    failure,
  };
  yield {
    name: 'mxcp.endpoint.execute',
    context: { ...trace, spanId: endpointSpanId },
    parentSpanId: trace.spanId,
    startMs: startedAt,
    endMs: startedAt + endedMs,
    attributes: {
      'mxcp.endpoint.type': start.kind,
      ...(endpoint !== undefined && { 'mxcp.endpoint.name': endpoint }),
      ...(ended?.answer && answerAttributes(ended.answer)),
      ...(timing.dropped > 0 && { 'mxcp.spans.dropped': timing.dropped }),
    },
    failure,
  };
  for (const interval of timing.intervals) {
    const span = toPhaseSpan(interval, timing, trace, options);
    if (span !== undefined) yield span;
  }
}

function answerAttributes({ parts, bytes, shortened }: AnswerFacts): Attributes {
  const { because, total } = shortened ?? {};
  return {
    'mxcp.answer.count': parts,
    'mxcp.answer.bytes': bytes,
    ...(because !== undefined && { 'mxcp.answer.shortened': because }),
    ...(total !== undefined && { 'mxcp.answer.total': total }),
  };
}

/** The message about an endpoint that does not exist quotes the name that the client sent. */
function toFailure({ code, message }: CallFailure, isKnown: boolean, { scrub }: SpanOptions) {
  return { code, ...(isKnown && { message: scrub(message()) }) };
}

function requestAttributes({ start, ended }: CallTiming): Attributes {
  const { kind, requestId, sessionId, protocolVersion, client, group, transport } = start;
  const endpoint = ended?.endpoint;
  const userId = ended?.caller.userId ?? null;
  return {
    'mcp.method.name': CALL_METHODS[kind],
    ...(kind === 'tool' && { 'gen_ai.operation.name': 'execute_tool' }),
    ...(kind === 'tool' && endpoint !== undefined && { 'gen_ai.tool.name': endpoint }),
    ...(kind === 'prompt' && endpoint !== undefined && { 'gen_ai.prompt.name': endpoint }),
    ...(kind === 'resource' && endpoint !== undefined && { 'mcp.resource.uri': endpoint }),
    ...(requestId !== undefined && { 'jsonrpc.request.id': String(requestId).slice(0, MAX_TEXT_LENGTH) }),
    ...(sessionId !== undefined && { 'mcp.session.id': sessionId.slice(0, MAX_TEXT_LENGTH) }),
    ...(protocolVersion !== undefined && { 'mcp.protocol.version': protocolVersion.slice(0, MAX_TEXT_LENGTH) }),
    ...(group !== undefined && { 'mxcp.group': group }),
    ...(client !== undefined && { 'client.address': client }),
    ...(userId !== null && { 'user.id': userId.slice(0, MAX_TEXT_LENGTH) }),
    'network.transport': TRANSPORTS[transport],
    ...(transport !== 'stdio' && { 'network.protocol.name': 'http' }),
  };
}

/** A client chooses these texts. */
const MAX_TEXT_LENGTH = 200;

/** The names of OpenTelemetry. */
export const TRANSPORTS = { http: 'tcp', stdio: 'pipe', admin: 'unix' } as const;

function toPhaseSpan(
  interval: Interval,
  { startedAt, endpointSpanId }: CallTiming,
  trace: TraceContext,
  options: SpanOptions,
): EndedSpan | undefined {
  const { phase, startMs, endMs, failure, parent } = interval;
  const name = SPAN_NAMES[phase];
  const isWait = phase === 'hold' || phase === 'queue';
  if (name === undefined || (isWait && endMs - startMs < WAITED_MS)) return undefined;
  // Writing the answer comes after the endpoint.
  const outer = phase === 'encode' ? trace.spanId : endpointSpanId;
  return {
    name,
    kind: phase === 'duckdb' ? SpanKind.CLIENT : SpanKind.INTERNAL,
    context: { ...trace, spanId: interval.spanId },
    parentSpanId: parent?.spanId ?? outer,
    startMs: startedAt + startMs,
    endMs: startedAt + endMs,
    attributes: phaseAttributes(interval, options),
    failure: failure === undefined ? undefined : { code: failure },
  };
}

function phaseAttributes({ phase, facts, rows }: Interval, { isReadonly }: SpanOptions): Attributes {
  const { statement, parameters, code } = facts;
  const count = rows !== undefined && { 'mxcp.result.count': rows };
  const parameterCount = parameters !== undefined && { 'mxcp.params.count': parameters };
  if (phase === 'python')
    return {
      'mxcp.execution.language': 'python',
      ...(code && { 'code.file.path': code }),
      ...parameterCount,
      ...count,
    };
  if (phase !== 'duckdb' || statement === undefined) return {};
  const operation = operationOf(statement);
  return {
    'mxcp.execution.language': 'sql',
    'db.system.name': 'duckdb',
    'db.operation': operation,
    'db.operation.name': operation,
    // Finds the calls of one statement, without showing it.
    'db.statement.hash': createHash('sha256').update(statement).digest('hex').slice(0, 16),
    ...(parameters !== undefined && { 'db.parameters.count': parameters }),
    'db.readonly': isReadonly(),
    ...(rows !== undefined && { 'db.rows_affected': rows, 'db.response.returned_rows': rows }),
    ...parameterCount,
    ...count,
  };
}

const OPERATIONS: ReadonlySet<string> = new Set(
  'SELECT INSERT UPDATE DELETE MERGE CREATE ALTER DROP COPY WITH FROM PRAGMA SET ATTACH DETACH CALL BEGIN COMMIT ROLLBACK'.split(
    ' ',
  ),
);

/** How far into a statement its first word is looked for. */
const MAX_LEADING_TEXT = 1000;

/** The first word of a statement after its comments, if it is a known one: a client may have written the statement. */
export function operationOf(statement: string): string {
  const leading = /^(?:\s|--[^\n]*\n|\/\*(?:[^*]|\*(?!\/))*\*\/)*(\w+)/;
  const word = leading.exec(statement.slice(0, MAX_LEADING_TEXT))?.[1]?.toUpperCase() ?? '';
  if (word === 'WITH' || word === 'FROM') return 'SELECT';
  return OPERATIONS.has(word) ? word : 'OTHER';
}
