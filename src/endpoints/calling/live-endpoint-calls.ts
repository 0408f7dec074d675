import { assertScopes, type Caller, type Decision } from '../../caller/index.js';
import type { ResolvedConfig } from '../../config/index.js';
import type { QueryableDatabase, SqlParameters } from '../../duckdb/index.js';
import { clip, MxcpError, nearSuggestion, toMxcpError } from '../../errors/index.js';
import { type ActiveGeneration, CallDeadline, type CallGate, type Lease, raceSignal } from '../../lifecycle/index.js';
import type { Renderers } from '../../prompts/index.js';
import type { CallNotification, PythonTarget, PythonWorkers } from '../../python/index.js';
import type { CallTiming, OpenPhase } from '../../telemetry/index.js';
import {
  type CallArguments,
  type ResultOptions,
  RowCollector,
  type ShapedResult,
  ValueCollector,
} from '../../values/index.js';
import { type EndpointKind, endpointLabel } from '../definitions/endpoint-definition.js';
import { enforceInput, enforceMessages, enforceOutput } from './enforce-policies.js';
import type { Callable, EndpointListings, EndpointSet } from './endpoint-set.js';
import { type CallLog, type CallOrigin, originFields } from './call-log.js';
import type { PromptMessage } from './render-prompt.js';
import type { CallRates } from './rate-limits.js';
import { throwWithoutStatement } from './sql-tools.js';
import { type ResourceText, toResourceText } from './resource-text.js';

/** What a transport knows about one call. */
export interface CallContext {
  readonly caller: Caller;
  /** Aborted when the client disconnects or cancels: the call then ends and its query is interrupted. */
  readonly signal: AbortSignal;
  /** Sends a notification to the client before the call is answered. Absent when the client takes none. Must not throw. */
  readonly notify?: ((notification: CallNotification) => void) | undefined;
  /** For the log. */
  readonly origin?: CallOrigin | undefined;
  /** Records where the time goes. Its transport ends it. */
  readonly timing?: CallTiming | undefined;
  /** Whether the call comes from the owner of the project, whom no rate limit concerns. */
  readonly isOwner?: boolean | undefined;
  /** For `mxcp run --skip-output-validation`. */
  readonly skipOutputValidation?: boolean | undefined;
}

/** SQL that no endpoint has, from the owner of the project. */
export interface OwnQuery {
  readonly sql: string;
  readonly parameters: SqlParameters;
  /** How many rows are wanted. */
  readonly limit?: number | undefined;
}

/** Arguments as the client sent them. */
export type SentArguments = Readonly<Record<string, unknown>>;

/** Everything that can be called on this server. */
export type EndpointCalls = Pick<
  LiveEndpointCalls,
  'listings' | 'listingsFor' | 'callTool' | 'readResource' | 'getPrompt'
>;

/** What a generation must hold for its endpoints to be called. */
export interface CallableGeneration {
  readonly endpoints: EndpointSet;
  readonly database: QueryableDatabase;
  /** Undefined when the project has no Python; then no endpoint may need it. */
  readonly python: Pick<PythonWorkers, 'call'> | undefined;
  readonly config?: Pick<ResolvedConfig, 'rateLimit'> | undefined;
}

export interface LiveEndpointCallsOptions {
  readonly gate: CallGate;
  /** Their owner disposes them after the last call. */
  readonly renderers: Renderers;
  readonly callTimeoutMs: number;
  readonly maxResultBytes: number;
  /** Without it, no rate limit applies. Its owner keeps it as long as the process. */
  readonly rates?: CallRates | undefined;
  /** Learns of each call that has ended. */
  readonly log?: CallLog | undefined;
}

interface CalledEndpoint {
  readonly kind: EndpointKind;
  /** The name or URI as the client sent it. */
  readonly name: string;
}

interface RunningCall {
  readonly generation: CallableGeneration;
  readonly context: CallContext;
  readonly deadline: CallDeadline;
  /** Set by the protections, which come one after the other. */
  decision?: Decision | undefined;
}

/**
 * Calls endpoints of the generation that is current when a call arrives, and leases it until the call has ended. Calls throw
 * `rate_limited`, `endpoint_not_found`, `insufficient_scope`, `params_invalid`, `policy_denied`, `server_busy`, `call_timeout`, `query_failed`,
 * `query_interrupted`, `result_too_large`, `output_invalid`, `prompt_failed`.
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

  get listings(): EndpointListings {
    return this.#generations.current.contents.endpoints.listings;
  }

  listingsFor(caller: Caller): EndpointListings {
    return this.#generations.current.contents.endpoints.listingsFor(caller);
  }

  callTool(name: string, sent: SentArguments, context: CallContext): Promise<ShapedResult> {
    const called: CalledEndpoint = { kind: 'tool', name };
    return this.#perform({ ...called, sent }, context, (call) => {
      const { tools } = call.generation.endpoints;
      const tool = tools.get(name);
      if (tool === undefined) throw notFound(called, tools.keys());
      return this.#guard(tool, readArguments(tool, sent, context), call);
    });
  }

  readResource(uri: string, context: CallContext): Promise<ResourceText> {
    const called: CalledEndpoint = { kind: 'resource', name: uri };
    return this.#perform({ ...called, sent: {} }, context, async (call) => {
      const { resources, listings } = call.generation.endpoints;
      const match = resources.find(uri);
      if (match === undefined)
        throw notFound(
          called,
          listings.resources.map((listing) => listing.uri),
        );
      const { resource, values } = match;
      const result = await this.#guard(resource, readArguments(resource, values, context), call);
      return toResourceText(uri, resource.mimeType, result);
    });
  }

  getPrompt(name: string, sent: SentArguments, context: CallContext): Promise<readonly PromptMessage[]> {
    const called: CalledEndpoint = { kind: 'prompt', name };
    return this.#perform({ ...called, sent }, context, async (call) => {
      const { prompts } = call.generation.endpoints;
      const prompt = prompts.get(name);
      if (prompt === undefined) throw notFound(called, prompts.keys());
      const { maxResultBytes: maxBytes, renderers } = this.#options;
      const given = Object.entries(sent).filter(([key, value]) => value !== '' || !prompt.leftOutWhenEmpty.has(key));
      const { values } = readArguments(prompt, Object.fromEntries(given), context);
      const { policies } = prompt;
      if (policies !== undefined) enforceInput(policies, call, values);
      const phase = context.timing?.begin('render');
      const messages = await prompt.renderer.render({ values, maxBytes }, renderers, call.deadline.signal);
      phase?.end();
      if (policies !== undefined) enforceMessages(policies, call, messages);
      return messages;
    });
  }

  /** Runs SQL as `mxcp query` does, within the limits of a call. Its failures are reported only to the caller. */
  runQuery(
    { sql, parameters, limit: maxRows }: OwnQuery,
    context: CallContext,
  ): Promise<{ readonly result: ShapedResult; readonly hasMore: boolean }> {
    const called = { kind: 'tool', name: 'mxcp query', sent: {}, isLogged: false } as const;
    return this.#perform(called, context, async ({ generation, deadline: { signal } }) => {
      const { gate, maxResultBytes } = this.#options;
      const collector = new RowCollector({
        endpoint: 'the query',
        returns: undefined,
        checks: undefined,
        allowsNull: false,
        maxResultBytes,
      });
      const { onRow } = collector;
      const reading = { onRow, maxRows, maxRowBytes: maxResultBytes, refusesExcess: true };
      const release = await gate.acquire(called.name, signal);
      try {
        const { caller } = context;
        const access = { caller, signal, seesAllRows: true };
        const hasMore = await generation.database.query(sql, parameters, { ...access, ...reading });
        return { result: collector.finish(), hasMore };
      } finally {
        release();
      }
    });
  }

  /**
   * The frame of every call: lease, deadline, error and log. A call whose work does not hear that it is to end is answered all the
   * same. Its lease and its place in the gate are held until the work has ended: it still has a thread and a connection.
   */
  async #perform<T>(
    called: CalledEndpoint & { readonly sent: SentArguments; readonly isLogged?: boolean },
    context: CallContext,
    run: (call: RunningCall) => Promise<T>,
  ): Promise<T> {
    const deadline = new CallDeadline(context.signal, this.#options.callTimeoutMs);
    const holder = toHolder(called, deadline);
    const startedAt = performance.now();
    let error: MxcpError | undefined;
    let lease: Lease<CallableGeneration> | undefined;
    let call: RunningCall | undefined;
    let refusal: Decision | undefined;
    const work = async (): Promise<T> => {
      this.#active.add(called);
      try {
        this.#assertRate(called, context, (decision) => (refusal = decision));
        const hold = context.timing?.begin('hold');
        lease = await this.#generations.acquire(holder, deadline.signal);
        hold?.end();
        call = { generation: lease.contents, context, deadline };
        return await run(call);
      } finally {
        this.#active.delete(called);
        lease?.release();
      }
    };
    try {
      return await raceSignal(work(), deadline.unheard);
    } catch (thrown) {
      error = this.#toFailure(thrown, deadline, holder.label);
      throw error;
    } finally {
      deadline.dispose();
      const durationMs = performance.now() - startedAt;
      const { endpoints } = lease?.contents ?? this.#generations.current.contents;
      const decision = call?.decision ?? refusal;
      if (called.isLogged !== false)
        this.#options.log?.add({ ...called, context, endpoints, decision, error, durationMs });
    }
  }

  /** Answers within the limits of the policies, if the endpoint has any. */
  async #guard(callable: Callable, callArguments: CallArguments, call: RunningCall): Promise<ShapedResult> {
    const { policies, returns } = callable;
    if (policies === undefined) return this.#answer(callable, callArguments, call);
    enforceInput(policies, call, callArguments.values);
    const result = await this.#answer(callable, callArguments, call);
    return enforceOutput(policies, call, { result, returns });
  }

  /** The first of all checks, so that a refused call costs nothing. Throws `rate_limited`. */
  #assertRate(called: CalledEndpoint, context: CallContext, onRefused: (decision: Decision) => void): void {
    const { contents } = this.#generations.current;
    if (!contents.endpoints.hasLimits && contents.config?.rateLimit === undefined) return;
    if (context.isOwner !== true) this.#options.rates?.count({ ...called, context }, contents, onRefused);
  }

  /** Waits for the call's turn, then runs its SQL or its function. */
  async #answer(callable: Callable, callArguments: CallArguments, call: RunningCall): Promise<ShapedResult> {
    const { gate, maxResultBytes } = this.#options;
    const { endpoint, returns, allowsNull = false, source } = callable;
    const checks = call.context.skipOutputValidation === true ? undefined : callable.checks;
    const options = { endpoint, returns, checks, allowsNull, maxResultBytes };
    const queue = call.context.timing?.begin('queue');
    const release = await gate.acquire(endpoint, call.deadline.signal);
    queue?.end();
    try {
      return source.language === 'sql'
        ? await runStatement(source, callArguments, { ...call, options })
        : await callFunction(source.python, callArguments, { ...call, options });
    } finally {
      release();
    }
  }

  /** Only the deadline knows why work was interrupted. */
  #toFailure(error: unknown, deadline: CallDeadline, label: string): MxcpError {
    const isInterruption =
      error === deadline.signal.reason || (error instanceof MxcpError && error.code === 'query_interrupted');
    const { endedBy } = deadline;
    if (endedBy === undefined || !isInterruption) return toMxcpError(error);
    const reasons = {
      caller: 'was cancelled',
      server: 'was ended by a forced reload; call again',
      'time limit': `took longer than ${this.#options.callTimeoutMs / 1000} s, waiting included, and was ended; raise --call-timeout if it needs more`,
    };
    const code = endedBy === 'time limit' ? 'call_timeout' : 'query_interrupted';
    return new MxcpError(code, `the call of ${label} ${reasons[endedBy]}`, { cause: error });
  }
}

function toHolder({ kind, name }: CalledEndpoint, deadline: CallDeadline) {
  return {
    get label() {
      return endpointLabel(kind, name);
    },
    interrupt: () => deadline.interrupt(),
  };
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
type WorkingCall = RunningCall & { readonly options: ResultOptions };

async function runStatement(
  source: SqlSource,
  { values, bindings }: CallArguments,
  { generation, context: { caller, timing }, deadline: { signal }, options }: WorkingCall,
): Promise<ShapedResult> {
  const collector = new RowCollector(options);
  const { onRow, readingOf } = collector;
  const { endpoint, maxResultBytes: maxRowBytes } = options;
  const seesAllRows = 'readsCatalog' in source && source.readsCatalog;
  const execution = { caller, signal, maxRowBytes, onRow, readingOf, endpoint, seesAllRows };
  const { database } = generation;
  const isOwn = source.sql === undefined;
  const statement = isOwn ? String(values['sql']) : source.sql.text;
  const parameters = isOwn ? {} : bindings;
  const staysWithin = isOwn && !('externalAccess' in source && source.externalAccess === true);
  const isOneStatement = !('severalStatements' in source && source.severalStatements === true);
  const limits = isOwn && { staysWithin, isOneStatement, maxRows: Number(values['limit']) };
  const phase = timing?.begin('duckdb', { statement, parameters: Object.keys(parameters).length });
  const querying = database.query(statement, parameters, { ...execution, ...limits });
  const hasMore = await (isOwn || 'file' in source.sql ? querying : querying.catch(throwWithoutStatement));
  phase?.end();
  const result = finish(collector, timing, phase);
  return isOwn ? { ...result, isTruncated: hasMore } : result;
}

/** Checks the result as a whole. Throws what the collector throws. */
function finish(
  collector: RowCollector | ValueCollector,
  timing: CallTiming | undefined,
  phase: OpenPhase | undefined,
): ShapedResult {
  const check = timing?.begin('check');
  const result = collector.finish();
  check?.end();
  phase?.report(result.shape === 'array' ? result.texts.length : 1);
  return result;
}

async function callFunction(
  target: PythonTarget,
  { bindings }: CallArguments,
  { generation: { python }, context: { caller, notify, origin, timing }, deadline: { signal }, options }: WorkingCall,
): Promise<ShapedResult> {
  if (python === undefined) throw new Error(`no Python workers to call ${target.file} with`);
  const collector = new ValueCollector(options);
  const { onShape, onItem } = collector;
  const { maxResultBytes, endpoint } = options;
  const phase = timing?.begin('python', { code: target.file, parameters: Object.keys(bindings).length });
  const trace = phase === undefined ? origin?.trace : timing?.contextOf(phase);
  const onStatement = timing && ((statement: string) => timing.begin('duckdb', { statement }, phase));
  const lineFields = { endpoint, ...originFields(origin) };
  const call = { caller, endpoint, signal, notify, maxResultBytes, onShape, onItem, trace, lineFields, onStatement };
  await python.call(target, bindings, call);
  phase?.end();
  return finish(collector, timing, phase);
}

const SHOWN_NAME_LENGTH = 200;

/** `endpoint_not_found` */
export function notFound({ kind, name }: CalledEndpoint, known: Iterable<string>): MxcpError {
  const what = endpointLabel(kind, clip(name, SHOWN_NAME_LENGTH));
  return new MxcpError('endpoint_not_found', `there is no ${what}${nearSuggestion(name, [...known])}`);
}
