import { assertScopes, type Decision } from '../../caller/index.js';
import { type MxcpError, toMxcpError } from '../../errors/index.js';
import { type ActiveGeneration, CallDeadline, type CallGate, raceSignal } from '../../lifecycle/index.js';
import type { Renderers } from '../../prompts/index.js';
import type { QuestionStates } from '../../questions/index.js';
import type { CallTiming, OpenPhase } from '../../telemetry/index.js';
import {
  type AnswerRules,
  type CallArguments,
  countParts,
  hasSensitive,
  limitsOf,
  type ResultOptions,
  RowCollector,
  type ShapedResult,
  toContent,
} from '../../values/index.js';
import { endpointLabel } from '../definitions/endpoint-definition.js';
import { assertFits, withoutPaging } from '../callable/answer-limits.js';
import { enforceInput, recordDenied, toDenial } from '../policies/enforce-policies.js';
import { type EndpointGroups, groupOf } from '../callable/endpoint-groups.js';
import type { Callable, ListedEndpoints } from '../callable/endpoint-set.js';
import type { AuditedCall, CallAudit } from '../running/call-audit.js';
import { askFirst, isContinued, openSentReply } from './ask-first.js';
import { type CalledEndpoint, notFound, toFailure } from '../running/call-failures.js';
import type { CallContext, SentArguments } from '../running/call-context.js';
import { completeArgument, type Completion, type CompletionRequest } from './complete-argument.js';
import type { CallLog } from '../running/call-log.js';
import { callFunction } from './call-function.js';
import { callPrompt, withoutEmpty } from './call-prompt.js';
import { answerChanged } from '../answers/changed-answers.js';
import { readCursorPage } from '../answers/cursor-pages.js';
import { noteUpdates } from './declared-updates.js';
import { type OwnAnswer, type OwnQuery, runOwnQuery, toSent } from './own-query.js';
import type { ReadResource } from './embed-resource.js';
import type { KeptResults } from '../answers/kept-results.js';
import type { PromptMessage } from '../callable/render-prompt.js';
import type { CallableGeneration, CallFrame, PerformedCall, RunningCall } from '../running/running-call.js';
import type { CallRates } from '../callable/rate-limits.js';
import { throwWithoutStatement } from '../callable/sql-tools.js';
import { type ResourceText, toCacheHint, toResourceText } from '../callable/resource-text.js';

/** Everything that can be called on this server. */
export type EndpointCalls = Pick<
  LiveEndpointCalls,
  'endpoints' | 'callTool' | 'readResource' | 'getPrompt' | 'completeArgument'
> &
  Partial<Pick<LiveEndpointCalls, 'groups'>>;

export interface LiveEndpointCallsOptions {
  readonly gate: CallGate;
  /** Their owner disposes them after the last call. */
  readonly renderers: Renderers;
  readonly callTimeoutMs: number;
  readonly maxResultBytes: number;
  /** Without it, no rate limit applies. Its owner keeps it as long as the process. */
  readonly rates?: CallRates | undefined;
  /** Without it, nothing is kept. Its owner disposes it after the last call. */
  readonly kept?: KeptResults | undefined;
  /** Without it, no client is asked anything. Its owner keeps it as long as the process. */
  readonly questions?: QuestionStates | undefined;
  /** Learns of each call that has ended. */
  readonly log?: CallLog | undefined;
  /** Records each call before it is answered. */
  readonly audit?: CallAudit | undefined;
  /** Learns which resources a call has changed, once it has succeeded. */
  readonly onUpdated?: ((uris: Iterable<string>) => void) | undefined;
}

/**
 * Calls endpoints of the generation that is current when a call arrives, and leases it until the call has ended. Calls throw
 * `group_not_found`, `rate_limited`, `endpoint_not_found`, `insufficient_scope`, `params_invalid`, `policy_denied`, `server_busy`, `call_timeout`, `query_failed`,
 * `query_interrupted`, `result_too_large`, `output_invalid`, `prompt_failed`, the codes that begin with `confirmation_`, and `QuestionsAsked`.
 */
export class LiveEndpointCalls {
  readonly #generations: ActiveGeneration<CallableGeneration>;
  readonly #options: LiveEndpointCallsOptions;
  readonly #active = new Set<CalledEndpoint>();

  constructor(generations: ActiveGeneration<CallableGeneration>, options: LiveEndpointCallsOptions) {
    this.#generations = generations;
    this.#options = options;
  }

  /** Calls that have arrived and not ended, waiting ones included. */
  get activeCalls(): number {
    return this.#active.size;
  }

  /** The same calls, by what they call. */
  get active(): readonly CalledEndpoint[] {
    return [...this.#active];
  }

  /** What a call that arrives now would find. */
  get endpoints(): ListedEndpoints {
    return this.#generations.current.contents.endpoints;
  }

  /** The same of the groups; undefined in a project without any. */
  get groups(): EndpointGroups | undefined {
    return this.#generations.current.contents.groups;
  }

  callTool(name: string, sent: SentArguments, context: CallContext): Promise<ShapedResult> {
    const called: CalledEndpoint = { kind: 'tool', name };
    return this.#perform({ ...called, sent }, context, async (call) => {
      const { tools } = call.generation.endpoints;
      const tool = tools.get(name);
      if (tool === undefined) throw notFound(called, tools.keys());
      const result = await this.#guard(tool, readArguments(tool, sent, context), call);
      call.outcome = { result };
      return result;
    });
  }

  readResource(uri: string, context: CallContext): Promise<ResourceText> {
    const called: CalledEndpoint = { kind: 'resource', name: uri };
    return this.#perform({ ...called, sent: {} }, context, async (call) => {
      const page = await this.#options.kept?.read(uri, { ...context, signal: call.deadline.signal });
      call.outcome = { page };
      if (page !== undefined) return page;
      const { resource, result } = await this.#read(uri, call);
      call.outcome = { result };
      const cache = toCacheHint(resource, call.generation.config);
      return { ...toResourceText(uri, resource.mimeType, result), cache };
    });
  }

  async #read(uri: string, call: RunningCall) {
    // What an author puts into a prompt need not be in the group of the prompt.
    const { resources } = call.isEmbedding === true ? call.everything : call.generation.endpoints;
    const match = resources.find(uri);
    if (match === undefined) {
      const known = call.generation.endpoints.listings.resources.map((listing) => listing.uri);
      throw notFound({ kind: 'resource', name: uri }, known);
    }
    const { resource, values } = match;
    const result = await this.#guard(resource, readArguments(resource, values, call.context), call);
    return { resource, result };
  }

  /** For a prompt: with the rate limits of the resource, in the same generation, and without a record of its own. */
  async #embed(uri: string, call: RunningCall): Promise<ReadResource> {
    const context = { ...call.context, group: undefined };
    this.#assertRate({ kind: 'resource', name: uri }, context, (decision) => (call.decision = decision));
    const { resource, result } = await this.#read(uri, call);
    return { resource: toResourceText(uri, resource.mimeType, result), isSensitive: hasSensitive(resource.returns) };
  }

  getPrompt(name: string, sent: SentArguments, context: CallContext): Promise<readonly PromptMessage[]> {
    const called: CalledEndpoint = { kind: 'prompt', name };
    return this.#perform({ ...called, sent }, context, async (call) => {
      const { prompts } = call.generation.endpoints;
      const prompt = prompts.get(name);
      if (prompt === undefined) throw notFound(called, prompts.keys());
      const read = (uri: string): Promise<ReadResource> => this.#embed(uri, call);
      const callArguments = readArguments(prompt, withoutEmpty(prompt, sent), context);
      const messages = await callPrompt(prompt, callArguments, call, { ...this.#options, read });
      call.outcome = { messages };
      return messages;
    });
  }

  /** Finds values for an argument while a person types it. This is no call: it has limits of its own, and only a failure is logged. */
  completeArgument(request: CompletionRequest, context: CallContext): Promise<Completion> {
    const { of, argument, typed, given } = request;
    const called = { ...of, sent: { ...given, [argument]: typed }, operation: 'completion' } as const;
    return this.#perform(called, context, async (call) => {
      const completion = await completeArgument(request, call, this.#options.gate);
      call.outcome = { completed: completion.values };
      return completion;
    });
  }

  /** Runs SQL as `mxcp query` does, within the limits of a call. Its failures are reported only to the caller. */
  runQuery(query: OwnQuery, context: CallContext): Promise<OwnAnswer> {
    const called = { kind: 'tool', name: 'mxcp query', sent: toSent(query), isLogged: false } as const;
    return this.#perform(called, context, (call) => runOwnQuery(query, call, this.#options));
  }

  /**
   * The frame of every call: lease, deadline, error, record and log. A call whose work does not hear that it is to end is answered all the
   * same.
   */
  async #perform<T>(called: PerformedCall, context: CallContext, run: (call: RunningCall) => Promise<T>): Promise<T> {
    const deadline = new CallDeadline(context.signal, this.#options.callTimeoutMs);
    const holder = toHolder(called, deadline);
    const frame: CallFrame = { called, context, deadline, holder, startedAt: performance.now() };
    const { audit, log } = this.#options;
    let error: MxcpError | undefined;
    try {
      audit?.assertReady();
      const result = await raceSignal(this.#work(frame, run), deadline.unheard);
      if (frame.call?.denied !== undefined) recordDenied(frame.call);
      await audit?.record(this.#toEnded(frame));
      if (frame.call?.updated !== undefined) this.#options.onUpdated?.(frame.call.updated);
      return result;
    } catch (thrown) {
      const failure = toFailure(thrown, holder.label, { deadline, timeLimitMs: this.#options.callTimeoutMs });
      error = toDenial(frame.call, failure);
      await audit?.record(this.#toEnded(frame, error)).catch((unsaved: unknown) => (error = toMxcpError(unsaved)));
      frame.isContinued = isContinued(error, context);
      throw error;
    } finally {
      deadline.dispose();
      const isLogged = called.operation === undefined ? called.isLogged !== false : error !== undefined;
      if (isLogged && frame.isContinued !== true) log?.add(this.#toEnded(frame, error));
    }
  }

  /** The lease and the place in the gate are held until the work has ended: it still has a thread and a connection. */
  async #work<T>(frame: CallFrame, run: (call: RunningCall) => Promise<T>): Promise<T> {
    const { called, context, deadline, holder } = frame;
    this.#active.add(called);
    try {
      const count = (): void => this.#assertRate(called, context, (decision) => (frame.refusal = decision));
      const isFirst = context.reply?.state === undefined;
      if (isFirst) count();
      const contents = asSeen(this.#generations.current.contents, context);
      const opened = isFirst ? undefined : openSentReply(frame, contents, { ...this.#options, count });
      const hold = context.timing?.begin('hold');
      frame.lease = await this.#generations.acquire(holder, deadline.signal);
      hold?.end();
      const generation = asSeen(frame.lease.contents, context);
      const everything = frame.lease.contents.endpoints;
      frame.call = { called, generation, everything, context, deadline, opened };
      return await run(frame.call);
    } finally {
      this.#active.delete(called);
      frame.lease?.release();
    }
  }

  #toEnded(frame: CallFrame, error?: MxcpError): AuditedCall {
    const { called, context, startedAt, lease, call, refusal, questionId } = frame;
    const generation = lease?.generation ?? this.#generations.current;
    const { decision = refusal, outcome = {}, questions } = call ?? {};
    const { endpoints } = generation.contents;
    const durationMs = performance.now() - startedAt;
    const asked = { questionId, answers: questions?.answers };
    return { ...called, context, endpoints, decision, error, durationMs, generation, outcome, ...asked };
  }

  /** Answers what the policies allow, and as much of it as fits. */
  async #guard(callable: Callable, callArguments: CallArguments, call: RunningCall): Promise<ShapedResult> {
    const { policies, rules, content, endpoint, asks } = callable;
    const { values } = callArguments;
    if (policies !== undefined) enforceInput(policies, call, values);
    const { maxResultBytes, kept } = this.#options;
    const { fits = false } = call.context;
    const { argument } = rules;
    const limits = limitsOf(rules, { values, fits, server: call.generation.config?.answers, maxResultBytes });
    // The call that a cursor continues has run already, so no person is asked again. Models send an empty text for none.
    if (argument === 'cursor' && values['cursor'] !== null && values['cursor'] !== '')
      return readCursorPage(callable, callArguments, call, { kept, limits, maxResultBytes });
    if (asks || call.opened !== undefined) await askFirst(callable, callArguments, call, this.#options);
    if (callable.updates.length > 0) noteUpdates(callable.updates, values, call);
    const passed =
      argument === 'offset' || argument === 'cursor' ? withoutPaging(callArguments, argument) : callArguments;
    const answer = (wanted: Omit<LimitedCall, 'call'>): Promise<ShapedResult> =>
      this.#answer(callable, passed, { call, ...wanted });
    const isLinked = linksRows(rules, call);
    const isKept = content === undefined && fits && limits?.offset === 0 && (isLinked || argument === 'cursor');
    const result =
      isKept || policies?.hasOutputRules === true
        ? await answerChanged(callable, call, {
            callArguments,
            limits,
            kept: isKept ? kept : undefined,
            isLinked,
            answer,
          })
        : await answer({ limits, keeper: undefined });
    if (fits && rules.maxBytes !== undefined) assertFits(endpoint, rules.maxBytes, result);
    return content === undefined ? result : toContent(result, content, { endpoint, maxResultBytes });
  }

  /** The first of all checks, so that a refused call costs nothing. Throws `rate_limited`. */
  #assertRate(
    called: Omit<PerformedCall, 'sent'>,
    context: CallContext,
    onRefused: (decision: Decision) => void,
  ): void {
    const contents = asSeen(this.#generations.current.contents, context);
    const isLimited = contents.endpoints.hasLimits || contents.config?.rateLimit !== undefined;
    if (!isLimited && called.operation === undefined) return;
    if (context.isOwner !== true) this.#options.rates?.count({ ...called, context }, contents, onRefused);
  }

  /** Waits for the call's turn, then runs its SQL or its function. */
  async #answer(callable: Callable, callArguments: CallArguments, of: LimitedCall): Promise<ShapedResult> {
    const { call, limits, keeper } = of;
    const { gate, maxResultBytes } = this.#options;
    const { endpoint, returns, allowsNull = false, source } = callable;
    const checks = call.context.skipOutputValidation === true ? undefined : callable.checks;
    const options = { endpoint, returns, checks, allowsNull, maxResultBytes, limits, keeper };
    const queue = call.context.timing?.begin('queue');
    const release = await gate.acquire(endpoint, call.deadline.signal);
    queue?.end();
    try {
      if (source.language === 'sql') return await runStatement(source, callArguments, { ...call, options });
      const { collector, phase } = await callFunction(source.python, callArguments, call, options);
      return finishResult(() => collector.finish(), call.context.timing, phase);
    } finally {
      release();
    }
  }
}

/** Only calls through a group pay for groups. */
function asSeen(contents: CallableGeneration, { group }: CallContext): CallableGeneration {
  return group === undefined ? contents : { ...contents, endpoints: groupOf(contents.groups, group) };
}

/** How messages name the holder of a lease, and how a forced reload ends it. */
function toHolder({ kind, name }: CalledEndpoint, deadline: CallDeadline) {
  return {
    get label() {
      return endpointLabel(kind, name);
    },
    interrupt: () => deadline.interrupt(),
  };
}

/** Whether a shortened answer has a link to all rows. */
function linksRows({ keeps, hasDefaults }: AnswerRules, { generation }: RunningCall): boolean {
  return keeps ?? (hasDefaults && generation.config?.answers?.keeps === true);
}

/** Throws `insufficient_scope`, `params_invalid`. */
function readArguments(
  { endpoint, scopes, arguments: reader }: Pick<Callable, 'endpoint' | 'scopes' | 'arguments'>,
  sent: SentArguments,
  { caller, timing }: CallContext,
): CallArguments {
  if (scopes.length > 0) assertScopes(endpoint, scopes, caller);
  const bind = timing?.begin('bind');
  const read = reader.read(sent);
  bind?.end();
  return read;
}

type SqlSource = Extract<Callable['source'], { readonly language: 'sql' }>;
/** The call itself and not a copy: refusals are noted on it. */
type LimitedCall = { readonly call: RunningCall } & Pick<ResultOptions, 'limits' | 'keeper'>;
type WorkingCall = RunningCall & { readonly options: ResultOptions };

async function runStatement(
  source: SqlSource,
  { values, bindings }: CallArguments,
  { generation, context: { caller, timing }, deadline: { signal }, options }: WorkingCall,
): Promise<ShapedResult> {
  const collector = new RowCollector(options);
  const { onRow, readingOf, takesMore, countsRest } = collector;
  const { endpoint, maxResultBytes: maxRowBytes, limits } = options;
  const seesAllRows = 'readsCatalog' in source && source.readsCatalog;
  const part = limits && { skippedRows: limits.offset, takesMore, countsRest };
  const execution = { caller, signal, maxRowBytes, onRow, readingOf, endpoint, seesAllRows, ...part };
  const { database } = generation;
  const isOwn = source.sql === undefined;
  const statement = isOwn ? String(values['sql']) : source.sql.text;
  const parameters = isOwn ? {} : bindings;
  const staysWithin = isOwn && !('externalAccess' in source && source.externalAccess === true);
  const isOneStatement = !('severalStatements' in source && source.severalStatements === true);
  const allowedFolders = 'allowedFolders' in source ? source.allowedFolders : undefined;
  const bounds = isOwn && { staysWithin, allowedFolders, isOneStatement };
  const phase = timing?.begin('duckdb', { statement, parameters: Object.keys(parameters).length });
  const querying = database.query(statement, parameters, { ...execution, ...bounds });
  const read = await (isOwn || 'file' in source.sql ? querying : querying.catch(throwWithoutStatement));
  phase?.end();
  return finishResult(() => collector.finish(read), timing, phase);
}

/** Checks the result as a whole. Throws what the collector throws. */
function finishResult(
  collected: () => ShapedResult,
  timing: CallTiming | undefined,
  phase: OpenPhase | undefined,
): ShapedResult {
  const check = timing?.begin('check');
  const result = collected();
  check?.end();
  phase?.report(countParts(result));
  return result;
}
