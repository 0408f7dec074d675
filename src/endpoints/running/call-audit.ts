import type { AuditLog } from '../../audit/index.js';
import type { AuditFacts } from '../../contract/index.js';
import { clip, isExecutionFailure, type MxcpError } from '../../errors/index.js';
import type { Generation } from '../../lifecycle/index.js';
import { type GivenAnswers, QuestionsAsked } from '../../questions/index.js';
import {
  describeBlock,
  describeHidden,
  hasSensitive,
  jsonListPieces,
  type ParameterDefinition,
  REDACTED,
  redactArguments,
  redactSensitive,
  type ShapedResult,
  toTokens,
  type TypeDefinition,
} from '../../values/index.js';
import { type CallOutcome, declaredName, type EndedCall, factsOf, withoutValues } from './call-log.js';
import type { PromptMessage } from '../callable/render-prompt.js';

export interface AuditedCall extends EndedCall {
  /** False for SQL of the owner, which is no call of an endpoint. */
  readonly isLogged?: boolean | undefined;
  /** Something else than a call. */
  readonly operation?: 'completion' | undefined;
  readonly generation: Pick<Generation<unknown>, 'number'>;
  readonly outcome: CallOutcome;
  /** Of the question that the client answers with this call. */
  readonly questionId?: string | undefined;
  readonly answers?: GivenAnswers | undefined;
}

export interface CallAuditOptions {
  readonly log: Pick<AuditLog, 'append' | 'assertReady'>;
  /** False to write arguments and results as they are. */
  readonly redacts: boolean;
  /** Of the arguments and of the result; the rest is left out of the record. */
  readonly maxValueBytes: number;
  /** What distinguishes generations. */
  readonly identify: (generation: AuditedCall['generation']) => Pick<AuditFacts, 'reloadId' | 'configFingerprint'>;
}

/** What a call declares: undefined where there is no such endpoint. */
interface Declared {
  readonly name: string | undefined;
  readonly sent: Readonly<Record<string, unknown>>;
  readonly parameters: readonly ParameterDefinition[] | undefined;
  readonly returns: TypeDefinition | undefined;
}

const MAX_NAME_LENGTH = 200;
const MAX_ERROR_LENGTH = 2000;

/** Turns each call that has ended into a record of the audit log. */
export class CallAudit {
  readonly #options: CallAuditOptions;

  constructor(options: CallAuditOptions) {
    this.#options = options;
  }

  /** Throws `audit_failed`: the call must not run, because it could not be recorded. */
  assertReady(): void {
    this.#options.log.assertReady();
  }

  /** Resolves when the record is safe. Rejects with `audit_failed`. */
  async record(call: AuditedCall): Promise<void> {
    // The log counts these itself: there is nowhere to write them.
    if (call.error?.code === 'audit_failed') return;
    const declared = findDeclared(call);
    const [input, output] = [this.#inputOf(call, declared), this.#outputOf(call, declared)];
    const values = { input, output, answers: this.#answersOf(call, declared) };
    await this.#options.log.append(this.#factsOf(call, declared), values);
  }

  #factsOf(call: AuditedCall, declared: Declared): AuditFacts {
    const { kind, name, durationMs, error, decision, generation, isLogged, operation = kind, questionId } = call;
    const { caller, group = null, origin = {} } = call.context;
    const isQuery = isLogged === false;
    return {
      schemaName: isQuery ? 'mxcp.admin' : 'mxcp.endpoints',
      schemaVersion: isQuery ? 1 : 2,
      operationType: isQuery ? 'admin' : operation,
      operationName: isQuery ? 'query' : (declared.name ?? clip(name, MAX_NAME_LENGTH)),
      operationStatus: error === undefined ? 'success' : 'error',
      durationMs: Math.round(durationMs * 1000) / 1000,
      callerType: origin.transport ?? 'admin',
      userId: caller.userId,
      username: caller.username,
      sessionId: origin.sessionId === undefined ? null : clip(origin.sessionId, MAX_NAME_LENGTH),
      traceId: origin.trace?.traceId ?? null,
      requestId: origin.requestId === undefined ? null : clip(String(origin.requestId), MAX_NAME_LENGTH),
      client: origin.client ?? null,
      group,
      error: error === undefined ? null : clip(this.#errorText(error, declared), MAX_ERROR_LENGTH),
      errorCode: error?.code ?? null,
      policiesEvaluated: decision === undefined || decision.policies.length === 0 ? null : decision.policies,
      policyDecision: decision?.decision ?? null,
      policyReason: decision?.reason ?? null,
      decisionId: decision?.id ?? null,
      businessContext: null,
      executionEvents: null,
      shortened: toShortened(call.outcome),
      generation: generation.number,
      ...this.#options.identify(generation),
      questionId: (error instanceof QuestionsAsked ? error.id : questionId) ?? null,
    };
  }

  /** Messages quote values: of arguments in any case, and of the result where code or SQL failed. */
  #errorText({ code, message }: MxcpError, { sent, parameters, returns }: Declared): string {
    if (!this.#options.redacts) return message;
    if (hasSensitive(returns) && (isExecutionFailure(code) || code === 'tool_error'))
      return 'the message is left out, because the result of this endpoint is sensitive';
    const sensitive = parameters?.filter(hasSensitive).map(({ name }) => name) ?? [];
    if (sensitive.length === 0) return message;
    return withoutValues(message, Object.fromEntries(sensitive.map((name) => [name, sent[name]])));
  }

  #inputOf({ isLogged }: AuditedCall, { sent, parameters }: Declared): string {
    const isShown = !this.#options.redacts || isLogged === false;
    return this.#bounded(isShown ? sent : redactArguments(sent, parameters));
  }

  #outputOf({ outcome }: AuditedCall, { parameters = [], returns }: Declared): string {
    const { result, messages, completed, page } = outcome;
    const { redacts, maxValueBytes } = this.#options;
    // Any part of a text may be the value of any parameter.
    const isHidden = redacts && parameters.some(hasSensitive);
    if (completed !== undefined) return this.#bounded(isHidden ? REDACTED : completed);
    if (messages !== undefined) {
      return this.#bounded(messages.map((message) => describeMessage(message, isHidden)));
    }
    // Its rows are in no record: nothing says any more which of them are sensitive.
    if (page !== undefined) return this.#bounded({ kept_result: { mime_type: page.mimeType, bytes: page.bytes } });
    if (result === undefined) return 'null';
    const isRedacted = redacts && hasSensitive(returns);
    if (result.shape === 'content')
      return this.#bounded(result.blocks.map(isRedacted ? describeHidden : describeBlock));
    if (result.shape !== 'array')
      return this.#bounded(isRedacted ? redactSensitive(result.value, returns) : result.value);
    const items = new FirstItems(maxValueBytes);
    for (const text of result.texts) {
      const item = isRedacted ? JSON.stringify(redactSensitive([JSON.parse(text)], returns)).slice(1, -1) : text;
      if (!items.add(item)) break;
    }
    return items.toJson(result);
  }

  /** Forms ask for nothing sensitive, but what a person enters may be the value of what the endpoint declares. */
  #answersOf({ answers }: AuditedCall, { parameters = [], returns }: Declared): string {
    if (answers === undefined || answers.size === 0) return 'null';
    const isHidden = this.#options.redacts && (parameters.some(hasSensitive) || hasSensitive(returns));
    const shown = Array.from(answers, ([key, { answer }]) => [key, isHidden ? withoutContent(answer) : answer]);
    return this.#bounded(Object.fromEntries(shown));
  }

  /** The JSON of a value, or what says that it is too large. */
  #bounded(value: unknown): string {
    const { maxValueBytes } = this.#options;
    const text = toJsonText(value);
    const bytes = Buffer.byteLength(text);
    return bytes <= maxValueBytes ? text : JSON.stringify({ truncated: true, bytes, begins: clip(text, SHOWN_LENGTH) });
  }
}

/** What an answer lacks. Left out of the records of answers that are whole. */
function toShortened(outcome: CallOutcome): AuditFacts['shortened'] {
  const { parts, bytes, shortened } = factsOf(outcome) ?? {};
  if (parts === undefined || bytes === undefined || shortened === undefined) return undefined;
  const { because, total = null } = shortened;
  return { because, returned: parts, total, tokens: toTokens(bytes) };
}

/** Text as it is, and of any other content what describes it. */
function describeMessage({ role, content, isSensitive = false }: PromptMessage, isHidden: boolean) {
  if (content.type === 'text') return { role, text: isHidden ? REDACTED : content.text };
  return { role, ...(isHidden || isSensitive ? describeHidden(content) : describeBlock(content)) };
}

/** What the person did, and the names of what else the client has sent. */
function withoutContent(answer: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(answer).map(([key, value]) => [key, key === 'action' ? value : REDACTED]));
}

const SHOWN_LENGTH = 1000;

function toJsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch {
    // Arguments may be nested so deeply that the stack does not suffice; such a call is refused.
    return JSON.stringify({ truncated: true, reason: 'nested too deeply' });
  }
}

/** The first items of a list, as many as there is room for. */
class FirstItems {
  readonly #maxBytes: number;
  readonly #items: string[] = [];
  #bytes = 0;
  #isWhole = true;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** False when there is no room. */
  add(json: string): boolean {
    this.#bytes += Buffer.byteLength(json) + 1;
    this.#isWhole = this.#bytes < this.#maxBytes;
    if (this.#isWhole) this.#items.push(json);
    return this.#isWhole;
  }

  toJson({ texts, bytes }: ShapedResult): string {
    const list = [...jsonListPieces(this.#items)].join('');
    return this.#isWhole ? list : `{"truncated":true,"bytes":${bytes},"items":${texts.length},"first":${list}}`;
  }
}

function findDeclared({ kind, name, sent, endpoints, isLogged }: AuditedCall): Declared {
  if (isLogged === false) return { name, sent, parameters: [], returns: undefined };
  if (kind === 'resource') {
    const { resource, values = {} } = endpoints.resources.find(name) ?? {};
    return {
      name: resource?.uri,
      sent: values,
      parameters: resource?.arguments.parameters,
      returns: resource?.returns,
    };
  }
  const tool = kind === 'tool' ? endpoints.tools.get(name) : undefined;
  const called = tool ?? (kind === 'prompt' ? endpoints.prompts.get(name) : undefined);
  return {
    name: declaredName(endpoints, kind, name),
    sent,
    parameters: called?.arguments.parameters,
    returns: tool?.returns,
  };
}
