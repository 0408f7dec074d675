import type { CallerIdentity, QueryableDatabase, SqlParameters } from '../../duckdb/index.js';
import { clip, MxcpError, nearSuggestion, toMxcpError } from '../../errors/index.js';
import { type ActiveGeneration, type CallGate, type Lease, raceSignal } from '../../lifecycle/index.js';
import type { Renderers } from '../../prompts/index.js';
import type { CallNotification, PythonTarget, PythonWorkers } from '../../python/index.js';
import {
  type CallArguments,
  jsonListPieces,
  type ResultOptions,
  RowCollector,
  type ShapedResult,
  ValueCollector,
} from '../../values/index.js';
import { type EndpointKind, endpointLabel } from '../definitions/endpoint-definition.js';
import type { Callable, EndpointListings, EndpointSet } from './endpoint-set.js';
import type { CallLog, CallOrigin } from './call-log.js';
import type { PromptMessage } from './render-prompt.js';

/** What a transport knows about one call. */
export interface CallContext {
  readonly caller: CallerIdentity;
  /** Aborted when the client disconnects or cancels: the call then ends and its query is interrupted. */
  readonly signal: AbortSignal;
  /** Sends a notification to the client before the call is answered. Absent when the client takes none. Must not throw. */
  readonly notify?: ((notification: CallNotification) => void) | undefined;
  /** For the log. */
  readonly origin?: CallOrigin | undefined;
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

export interface ResourceText {
  readonly uri: string;
  readonly mimeType: string;
  /** Pieces of the text, to be concatenated; large results come in many. */
  readonly texts: Iterable<string>;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Whether the text is bytes in base 64. */
  readonly isBinary: boolean;
}

/** Arguments as the client sent them. */
export type SentArguments = Readonly<Record<string, unknown>>;

/** Everything that can be called on this server. */
export type EndpointCalls = Pick<LiveEndpointCalls, 'listings' | 'callTool' | 'readResource' | 'getPrompt'>;

/** What a generation must hold for its endpoints to be called. */
export interface CallableGeneration {
  readonly endpoints: EndpointSet;
  readonly database: QueryableDatabase;
  /** Undefined when the project has no Python; then no endpoint may need it. */
  readonly python: Pick<PythonWorkers, 'call'> | undefined;
}

export interface LiveEndpointCallsOptions {
  readonly gate: CallGate;
  /** Their owner disposes them after the last call. */
  readonly renderers: Renderers;
  readonly callTimeoutMs: number;
  readonly maxResultBytes: number;
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
}

/**
 * Calls endpoints of the generation that is current when a call arrives, and leases it until the call has ended. Calls throw
 * `endpoint_not_found`, `params_invalid`, `server_busy`, `call_timeout`, `query_failed`, `query_interrupted`,
 * `result_too_large`, `output_invalid`, `prompt_failed`.
 */
export class LiveEndpointCalls {
  readonly #generations: ActiveGeneration<CallableGeneration>;
  readonly #options: LiveEndpointCallsOptions;
  #activeCalls = 0;

  constructor(generations: ActiveGeneration<CallableGeneration>, options: LiveEndpointCallsOptions) {
    this.#generations = generations;
    this.#options = options;
  }

  /** Calls that have arrived and not ended, waiting ones included. */
  get activeCalls(): number {
    return this.#activeCalls;
  }

  get listings(): EndpointListings {
    return this.#generations.current.contents.endpoints.listings;
  }

  callTool(name: string, sent: SentArguments, context: CallContext): Promise<ShapedResult> {
    const called: CalledEndpoint = { kind: 'tool', name };
    return this.#perform({ ...called, sent }, context, (call) => {
      const { tools } = call.generation.endpoints;
      const tool = tools.get(name);
      if (tool === undefined) throw notFound(called, tools.keys());
      return this.#answer(tool, tool.arguments.read(sent), call);
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
      const result = await this.#answer(resource, resource.arguments.read(values), call);
      return toResourceText(uri, resource.mimeType, result);
    });
  }

  getPrompt(name: string, sent: SentArguments, context: CallContext): Promise<readonly PromptMessage[]> {
    const called: CalledEndpoint = { kind: 'prompt', name };
    return this.#perform({ ...called, sent }, context, ({ generation, deadline: { signal } }) => {
      const { prompts } = generation.endpoints;
      const prompt = prompts.get(name);
      if (prompt === undefined) throw notFound(called, prompts.keys());
      const { maxResultBytes: maxBytes, renderers } = this.#options;
      const given = Object.entries(sent).filter(([key, value]) => value !== '' || !prompt.leftOutWhenEmpty.has(key));
      const { values } = prompt.arguments.read(Object.fromEntries(given));
      return prompt.renderer.render({ values, maxBytes }, renderers, signal);
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
        const hasMore = await generation.database.query(sql, parameters, { caller, signal, ...reading });
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
    const holder = { label: endpointLabel(called.kind, called.name), interrupt: () => deadline.interrupt() };
    const startedAt = performance.now();
    let error: MxcpError | undefined;
    let lease: Lease<CallableGeneration> | undefined;
    const work = async (): Promise<T> => {
      this.#activeCalls += 1;
      try {
        lease = await this.#generations.acquire(holder, deadline.signal);
        return await run({ generation: lease.contents, context, deadline });
      } finally {
        this.#activeCalls -= 1;
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
      if (called.isLogged !== false) this.#options.log?.add({ ...called, context, endpoints, error, durationMs });
    }
  }

  /** Waits for the call's turn, then runs its SQL or its function. */
  async #answer(callable: Callable, callArguments: CallArguments, call: RunningCall): Promise<ShapedResult> {
    const { gate, maxResultBytes } = this.#options;
    const { endpoint, returns, allowsNull = false, source } = callable;
    const checks = call.context.skipOutputValidation === true ? undefined : callable.checks;
    const options = { endpoint, returns, checks, allowsNull, maxResultBytes };
    const release = await gate.acquire(endpoint, call.deadline.signal);
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

type SqlSource = Extract<Callable['source'], { readonly language: 'sql' }>;
type WorkingCall = RunningCall & { readonly options: ResultOptions };

async function runStatement(
  source: SqlSource,
  { values, bindings }: CallArguments,
  { generation, context: { caller }, deadline: { signal }, options }: WorkingCall,
): Promise<ShapedResult> {
  const collector = new RowCollector(options);
  const { onRow, readingOf } = collector;
  const execution = { caller, signal, maxRowBytes: options.maxResultBytes, onRow, readingOf };
  const { database } = generation;
  if (source.sql !== undefined) await database.query(source.sql.text, bindings, execution);
  else {
    const staysWithin = !('externalAccess' in source && source.externalAccess === true);
    const limits = { staysWithin, maxRows: Number(values['limit']) };
    const isTruncated = await database.query(String(values['sql']), {}, { ...execution, ...limits });
    return { ...collector.finish(), isTruncated };
  }
  return collector.finish();
}

async function callFunction(
  target: PythonTarget,
  { bindings }: CallArguments,
  { generation: { python }, context: { caller, notify }, deadline: { signal }, options }: WorkingCall,
): Promise<ShapedResult> {
  if (python === undefined) throw new Error(`no Python workers to call ${target.file} with`);
  const collector = new ValueCollector(options);
  const { onShape, onItem } = collector;
  const { maxResultBytes } = options;
  await python.call(target, bindings, { caller, signal, notify, maxResultBytes, onShape, onItem });
  return collector.finish();
}

const SHOWN_NAME_LENGTH = 200;

/** `endpoint_not_found` */
export function notFound({ kind, name }: CalledEndpoint, known: Iterable<string>): MxcpError {
  const what = endpointLabel(kind, clip(name, SHOWN_NAME_LENGTH));
  return new MxcpError('endpoint_not_found', `there is no ${what}${nearSuggestion(name, [...known])}`);
}

/** The result of a resource as the one text that its clients read. */
function toResourceText(uri: string, mimeType: string, result: ShapedResult): ResourceText {
  const binary = toBase64(result, mimeType);
  if (binary !== undefined) return { uri, mimeType, texts: [binary], bytes: binary.length, isBinary: true };
  const texts = result.shape === 'array' ? { [Symbol.iterator]: () => jsonListPieces(result.texts) } : result.texts;
  return { uri, mimeType, texts, bytes: result.bytes, isBinary: false };
}

/** Types whose content is not text. Contents of all other types are read as text by people and models. */
const BINARY_TYPES =
  /^(?:audio|font|image|video)\/(?!svg\+xml)|^application\/(?:epub\+zip|gzip|msword|octet-stream|pdf|wasm|zip|x-(?:7z-compressed|bzip2|sqlite3|tar)|vnd\.(?:apache\.(?:arrow|parquet)|ms-|openxmlformats-))/i;

/**
 * The bytes of a resource in base 64, when its type is binary and its result a single text. Bytes arrive as text if they
 * are UTF-8, otherwise in base 64 already, as a function may also write them itself. No file of these types consists of
 * the letters of base 64 alone, so the two cannot be confused. Undefined when the result is text.
 */
function toBase64(result: ShapedResult, mimeType: string): string | undefined {
  if (result.shape !== 'scalar' || typeof result.value !== 'string' || !BINARY_TYPES.test(mimeType)) return undefined;
  const { value } = result;
  return isBase64(value) ? value : Buffer.from(value).toString('base64');
}

/** Not one expression for the whole text: over megabytes it would overflow the stack. */
function isBase64(text: string): boolean {
  const end = text.endsWith('==') ? -2 : text.endsWith('=') ? -1 : text.length;
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, end));
}

/** DuckDB hears an interrupt between two steps of a query. One step may take minutes, such as the read of a named pipe. */
const HEARING_MS = 2000;

type EndedBy = 'caller' | 'time limit' | 'server';

/** Ends one call when its caller, its time limit or the server says so. Disposed when the call ends. */
export class CallDeadline {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal = this.#controller.signal;
  readonly #unheard = new AbortController();
  /** Aborts, for the same reason, when the work has had the time to hear `signal`. */
  readonly unheard: AbortSignal = this.#unheard.signal;
  readonly #callerSignal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  readonly #onCallerAbort = (): void => this.#end('caller', this.#callerSignal.reason);
  #endedBy: EndedBy | undefined;

  /** A limit of 0 is none. */
  constructor(callerSignal: AbortSignal, timeoutMs: number) {
    this.#callerSignal = callerSignal;
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#end('time limit'), timeoutMs);
    if (callerSignal.aborted) this.#onCallerAbort();
    else callerSignal.addEventListener('abort', this.#onCallerAbort, { once: true });
  }

  /** What ended the call first; undefined while nothing has. */
  get endedBy(): EndedBy | undefined {
    return this.#endedBy;
  }

  /** Ends the call for a reason of the server. Idempotent. */
  interrupt(): void {
    this.#end('server');
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#callerSignal.removeEventListener('abort', this.#onCallerAbort);
  }

  #end(by: EndedBy, reason?: unknown): void {
    if (this.signal.aborted) return;
    this.#endedBy = by;
    this.#controller.abort(reason);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#unheard.abort(this.signal.reason), HEARING_MS);
  }
}
