import type { Caller, Decision } from '../../caller/index.js';
import type { CallsRecord } from '../../contract/index.js';
import {
  clip,
  type ErrorCode,
  formatPlace,
  isCallersMistake,
  type MxcpError,
  type SourcePosition,
} from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { type LimitedLevel, LimitedLog, type Logger } from '../../logging/index.js';
import type { AnswerFacts, CallFailure, CallTiming, ServerObserver, TraceContext } from '../../telemetry/index.js';
import { countParts, type ShapedResult } from '../../values/index.js';
import { type EndpointDefinition, type EndpointKind, endpointLabel } from '../definitions/endpoint-definition.js';
import type { CallableEndpoints } from '../callable/endpoint-set.js';
import type { PromptMessage } from '../callable/render-prompt.js';
import type { ResourceText } from '../callable/resource-text.js';

/** Which request of which client a call is. */
export interface CallOrigin {
  readonly requestId?: string | number | undefined;
  readonly client?: string | undefined;
  /** The span of the call, or the one that the client has open if this server records none. */
  readonly trace?: TraceContext | undefined;
  readonly transport?: 'http' | 'stdio' | 'admin' | undefined;
  readonly sessionId?: string | undefined;
  /** Of the access log: gets the endpoint that was called, if it exists, and how that ended. */
  readonly access?: AccessOutcome | undefined;
}

interface AccessOutcome {
  endpoint?: string | undefined;
  outcome?: string | undefined;
  trace_id?: string | undefined;
}

/** What a call answers with, before it takes the form of its transport. */
export interface CallOutcome {
  readonly result?: ShapedResult | undefined;
  readonly messages?: readonly PromptMessage[] | undefined;
  readonly completed?: readonly string[] | undefined;
  /** Of a kept result. */
  readonly page?: ResourceText | undefined;
}

/** A call that has ended. */
export interface EndedCall {
  readonly kind: EndpointKind;
  /** As the client sent it. */
  readonly name: string;
  /** Of a tool or prompt; the values of a resource are in its URI. */
  readonly sent: Readonly<Record<string, unknown>>;
  /** Of the generation that answered, or that should have. */
  readonly endpoints: CallableEndpoints;
  readonly context: {
    readonly caller: Caller;
    readonly signal: AbortSignal;
    readonly group?: string | undefined;
    readonly origin?: CallOrigin | undefined;
    readonly timing?: CallTiming | undefined;
  };
  readonly decision?: Decision | undefined;
  readonly error: MxcpError | undefined;
  readonly durationMs: number;
  /** Empty for a call that has failed. */
  readonly outcome: CallOutcome;
}

interface FailedCall extends EndedCall {
  /** As the project declares it: a name, a URI or a template. Undefined when there is no such endpoint. */
  readonly declared: string | undefined;
}

/**
 * Writes one line for each failed call, within the limits of `LimitedLog`, counts all calls and passes them to the observer. No line
 * has the value of an argument. Its owner disposes it after the last call.
 */
export class CallLog implements Disposable {
  readonly #logger: Logger;
  readonly #failures: LimitedLog;
  readonly #counts = new CallCounts();
  readonly #observer: ServerObserver;

  constructor(logger: Logger, observer: ServerObserver = {}) {
    this.#observer = observer;
    this.#logger = logger.child({ component: 'calls' });
    this.#failures = new LimitedLog(this.#logger, () => observer.lineLeftOut?.());
  }

  get counts(): CallsRecord {
    return this.#counts.toRecord();
  }

  add(ended: EndedCall): void {
    // A call that has asked its client has done what it should.
    const call = ended.error?.code === 'input_required' ? { ...ended, error: undefined } : ended;
    const { kind, name, sent, durationMs, endpoints, error, context, decision } = call;
    const match = kind === 'resource' ? endpoints.resources.find(name) : undefined;
    const declared = kind === 'resource' ? match?.resource.uri : declaredName(endpoints, kind, name);
    this.#counts.add(call, declared);
    const { requestId, client, trace, access } = context.origin ?? {};
    if (access !== undefined) {
      access.endpoint = declared === undefined ? undefined : endpointLabel(kind, declared);
      access.outcome = ended.error?.code ?? 'success';
      access.trace_id = trace?.traceId;
    }
    const failure =
      error === undefined ? undefined : this.#addFailure({ ...call, sent: match?.values ?? sent, declared }, error);
    if (decision !== undefined && error === undefined && declared !== undefined)
      this.#addDecision(decision, { ...call, sent: match?.values ?? sent, declared });
    const answer = failure === undefined ? factsOf(call.outcome) : undefined;
    if (failure === undefined)
      this.#logger.debug(
        { kind, name: declared, duration_ms: Math.round(durationMs), ...(answer?.shortened && lackingFields(answer)) },
        'call ended',
      );
    const { caller, timing } = context;
    const who = { caller, decision, requestId, client, timing };
    const observed = { kind, endpoint: declared, failure, durationMs, answer, ...who };
    timing?.end(observed);
    this.#observer.callEnded?.(observed);
  }

  dispose(): void {
    this.#failures.dispose();
  }

  /** A call that was allowed although a rule applied to it: a rule that is only logged, or that could not be evaluated. */
  #addDecision(
    { id, reason, onlyLogged, failed }: Decision,
    { kind, declared, sent, context }: EndedCall & { readonly declared: string },
  ): void {
    if (onlyLogged === undefined && failed === undefined) return;
    const endpoint = endpointLabel(kind, declared);
    const reasons = Object.entries(failed ?? {}).map(([rule, why]) => [rule, withoutValues(why, sent)] as const);
    const fields = {
      kind,
      name: declared,
      decision: id,
      ...(onlyLogged && { only_logged: onlyLogged }),
      ...(failed && { failed_policies: Object.fromEntries(reasons) }),
      ...(context.group !== undefined && { group: context.group }),
      ...originFields(context.origin),
    };
    const message =
      failed === undefined
        ? `a policy of ${endpoint} applies and is only logged: ${reason}`
        : `a policy of ${endpoint} could not be evaluated and counts as applying`;
    const subject = failed === undefined ? 'policies that are only logged' : 'policies that could not be evaluated';
    this.#failures.write(failed === undefined ? 'info' : 'warn', `${subject} of ${endpoint}`, () => [fields, message]);
  }

  /** The number of subjects is limited by the endpoints of the project. */
  #addFailure(call: FailedCall, error: MxcpError): CallFailure {
    const { kind, declared } = call;
    const { code } = error;
    const label = declared === undefined ? `unknown ${kind}s` : endpointLabel(kind, declared);
    const failure = { code, level: levelOf(call, error), message: () => textOf(call, error) };
    const line = () => [fieldsOf(call, error), failure.message()] as const;
    this.#failures.write(failure.level, `failed calls of ${label} with ${code}`, line);
    return failure;
  }
}

/** How large the answer is; undefined if it is no result. */
export function factsOf({ result, page }: CallOutcome): AnswerFacts | undefined {
  if (page !== undefined) return { parts: page.shortened?.returned ?? 1, bytes: page.bytes, shortened: undefined };
  if (result === undefined) return undefined;
  const leftOut = 'leftOut' in result ? result.leftOut : undefined;
  const shortened = leftOut && { because: leftOut.because, total: leftOut.total };
  return { parts: countParts(result), bytes: result.bytes, shortened };
}

function lackingFields({ parts, bytes, shortened }: AnswerFacts) {
  return { shortened: shortened?.because, returned: parts, total: shortened?.total, bytes };
}

/** The name, URI or template that the project declares for what a client called; undefined when there is none. */
export function declaredName(endpoints: CallableEndpoints, kind: EndpointKind, called: string): string | undefined {
  if (kind === 'resource') return endpoints.resources.find(called)?.resource.uri;
  return (kind === 'tool' ? endpoints.tools : endpoints.prompts).has(called) ? called : undefined;
}

/** SQL that a client wrote itself is its own mistake, and so is a table that it names. */
function levelOf(call: FailedCall, { code, cause }: MxcpError): LimitedLevel {
  if (code === 'internal') return 'error';
  // A cause is a condition that could not be evaluated, which is a mistake in the project.
  if (code === 'policy_denied' && cause !== undefined) return 'warn';
  const isCancelled = code === 'query_interrupted' && call.context.signal.aborted;
  const isOwnSql = code === 'query_failed' && (hasOwnSql(call) || call.declared === 'get_table_schema');
  return isCancelled || isCallersMistake(code) || isOwnSql || code === 'rate_limited' ? 'info' : 'warn';
}

/** Whether the statement is an argument, as it is for the SQL tool of this name. */
function hasOwnSql({ declared, endpoints }: FailedCall): boolean {
  return declared === 'execute_sql_query' && definitionOf('tool', declared, endpoints) === undefined;
}

function definitionOf(kind: EndpointKind, declared: string | undefined, { catalog }: CallableEndpoints) {
  return catalog.endpoints.find(
    (each) => each.kind === kind && (each.kind === 'resource' ? each.uri : each.name) === declared,
  );
}

const MAX_NAME_LENGTH = 200;
const MAX_TEXT_LENGTH = 500;
const MAX_DETAIL_LENGTH = 4000;

function fieldsOf(call: FailedCall, error: MxcpError) {
  const { kind, declared, name, context, durationMs, endpoints, decision } = call;
  const policy = decision?.decision === 'deny' ? decision.policies.at(-1) : undefined;
  const definition = definitionOf(kind, declared, endpoints);
  const place = (policy === undefined ? undefined : placeOfPolicy(policy, definition)) ?? placeOf(error, definition);
  const { userId } = context.caller;
  const cancelReason: unknown = error.code === 'query_interrupted' ? context.signal.reason : undefined;
  return {
    kind,
    name: declared ?? clip(name, MAX_NAME_LENGTH),
    code: error.code,
    ...(place !== undefined && { place: formatPlace(place) }),
    duration_ms: Math.round(durationMs),
    // Only a client that cancels by a message can say why.
    ...(typeof cancelReason === 'string' && {
      cancel_reason: clip(withoutValues(cancelReason, call.sent), MAX_TEXT_LENGTH),
    }),
    ...(decision !== undefined && { decision: decision.id }),
    ...(policy !== undefined && { policy }),
    ...originFields(context.origin),
    ...(userId !== null && { user: clip(userId, MAX_NAME_LENGTH) }),
    ...(error.code === 'internal' && { detail: clip(withoutValues(error.detail ?? '', call.sent), MAX_DETAIL_LENGTH) }),
  };
}

/** How every line that concerns a call names the request. */
export function originFields({ requestId, client, trace }: CallOrigin = {}): Readonly<Record<string, string>> {
  return {
    ...(requestId !== undefined && { request: clip(String(requestId), MAX_NAME_LENGTH) }),
    ...(client !== undefined && { client }),
    ...(trace !== undefined && { trace_id: trace.traceId, span_id: trace.spanId }),
  };
}

/** Where the error says, or else where the SQL or the code of the endpoint is. */
function placeOf(
  { place, message }: MxcpError,
  definition: EndpointDefinition | undefined,
): SourcePosition | undefined {
  if (place !== undefined || definition === undefined) return place;
  if (definition.kind === 'prompt') return { file: definition.path };
  const { source } = definition;
  if (source.language === 'python') return { file: source.python.file };
  const [, line = '1'] = /^LINE (\d+):/m.exec(message) ?? [];
  return { file: source.sql.file, line: source.sql.lineInFile(Number(line) - 1) };
}

/** Where an endpoint file has a rule: `input[0]`. Other protections have names of another form. */
function placeOfPolicy(name: string, definition: EndpointDefinition | undefined): SourcePosition | undefined {
  const [, direction, index] = /^(input|output)\[(\d+)\]$/.exec(name) ?? [];
  if (direction === undefined) return undefined;
  return definition?.positions.key('policies', direction, Number(index), 'condition');
}

function textOf(call: FailedCall, { code, logMessage }: MxcpError): string {
  const { kind, name, declared, sent } = call;
  if (declared === undefined) return `there is no ${clip(endpointLabel(kind, name), MAX_NAME_LENGTH)}`;
  const label = endpointLabel(kind, declared);
  // Any word of such a message may come from the statement, which is an argument.
  const isOwnSql = code === 'query_failed' && hasOwnSql(call);
  const reason = isOwnSql ? (/\b\w+ Error\b/.exec(logMessage)?.[0] ?? code) : withoutValues(logMessage, sent);
  return `${label} failed: ${clip(reason, MAX_TEXT_LENGTH)}`;
}

/** A call with more values than this has a text of its code only. */
const MAX_VALUES = 500;
/** A message may quote the beginning of a longer value. */
const QUOTED_LENGTH = 24;
/** A shorter value is replaced only where it is a word of its own. */
const MIN_LENGTH_WITHIN_WORDS = 4;

/** Replaces the values of arguments in a message that quotes them. */
export function withoutValues(message: string, sent: Readonly<Record<string, unknown>>): string {
  const values = new Set<string>();
  if (!collectTexts(sent, values))
    return 'the message is left out, because it may quote the many arguments of the call';
  const spellings = [...values].flatMap((value) => [
    value,
    JSON.stringify(value).slice(1, -1),
    value.replaceAll("'", "''"),
  ]);
  let text = message;
  for (const value of new Set(spellings.toSorted((a, b) => b.length - a.length))) text = withoutValue(text, value);
  return text;
}

const REPLACEMENT = '[argument]';

function withoutValue(message: string, value: string): string {
  const beginning = value.slice(0, QUOTED_LENGTH);
  if (beginning.trim() === '') return message;
  let text = '';
  let rest = message;
  for (let at = rest.indexOf(beginning); at !== -1; at = rest.indexOf(beginning)) {
    let end = at + beginning.length;
    while (end - at < value.length && rest[end] === value[end - at]) end += 1;
    const isWord = !/\w$/.test(text + rest.slice(0, at)) && !/^\w/.test(rest.slice(end));
    const isReplaced = value.length >= MIN_LENGTH_WITHIN_WORDS || isWord;
    text += rest.slice(0, at) + (isReplaced ? REPLACEMENT : rest.slice(at, end));
    rest = rest.slice(end);
  }
  return text + rest;
}

/** Collects the texts and numbers within a value. False when there are too many. */
function collectTexts(value: unknown, texts: Set<string>): boolean {
  const pending: unknown[] = [value];
  for (let visited = 0; pending.length > 0; visited += 1) {
    if (visited > MAX_VALUES) return false;
    const next = pending.pop();
    if (typeof next === 'string' || typeof next === 'number') texts.add(String(next));
    else if (Array.isArray(next) && next.length > MAX_VALUES) return false;
    else if (typeof next === 'object' && next !== null) pending.push(...Object.values(next).slice(0, MAX_VALUES + 1));
  }
  return true;
}

/** Endpoints whose calls are counted one by one. Further ones, after many reloads of definitions, count only in the totals. */
const MAX_COUNTED_ENDPOINTS = 1000;
const MAX_SHOWN_ENDPOINTS = 20;

type EndpointCount = {
  -readonly [Key in keyof CallsRecord['endpoints'][number]]: CallsRecord['endpoints'][number][Key];
};

/** Counts calls since the start of the server, by outcome and by endpoint. */
class CallCounts {
  readonly #failures = new Map<ErrorCode, number>();
  readonly #endpoints = new Map<string, EndpointCount>();
  #success = 0;
  #error = 0;

  add({ kind, error }: EndedCall, declared: string | undefined): void {
    if (error === undefined) this.#success += 1;
    else {
      this.#error += 1;
      this.#failures.set(error.code, (this.#failures.get(error.code) ?? 0) + 1);
    }
    if (declared === undefined) return;
    const key = `${kind} ${declared}`;
    const counted = this.#endpoints.get(key) ?? newCount(kind, declared);
    if (this.#endpoints.size < MAX_COUNTED_ENDPOINTS) this.#endpoints.set(key, counted);
    counted.calls += 1;
    if (error === undefined) return;
    counted.failures += 1;
    counted.lastFailure = new Date();
    counted.lastFailureCode = error.code;
  }

  /** The endpoints with the most failures, or else with the most calls, first. */
  toRecord(): CallsRecord {
    const endpoints = [...this.#endpoints.values()].sort((a, b) => b.failures - a.failures || b.calls - a.calls);
    return {
      total: this.#success + this.#error,
      success: this.#success,
      error: this.#error,
      failures: Object.fromEntries([...this.#failures].sort(([, a], [, b]) => b - a)),
      endpoints: endpoints.slice(0, MAX_SHOWN_ENDPOINTS),
    };
  }
}

function newCount(type: EndpointKind, name: string): EndpointCount {
  return { type, name, calls: 0, failures: 0, lastFailure: null, lastFailureCode: null };
}
