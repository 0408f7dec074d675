import type { QueryableDatabase } from '../../duckdb/index.js';
import type { PythonTarget, PythonWorkers } from '../../python/index.js';
import {
  type CallArguments,
  ResultCollector,
  type ResultCollectorOptions,
  type ShapedResult,
  ValueCollector,
} from '../../values/index.js';
import type { CallContext } from './endpoint-calls.js';
import type { SqlStatement } from './sql-tools.js';

/** What an endpoint does when it is called: SQL with its parameters, or a function with its arguments. */
export type EndpointWork =
  | { readonly language: 'sql'; readonly toStatement: (callArguments: CallArguments) => SqlStatement }
  | { readonly language: 'python'; readonly target: PythonTarget };

/** What endpoints need of the Python workers of their generation. */
export type PythonFunctions = Pick<PythonWorkers, 'call' | 'inspect'>;

/** What endpoints run on. */
export interface WorkContents {
  readonly database: QueryableDatabase;
  /** Undefined when the project has no Python, and then no endpoint may need it. */
  readonly python: PythonFunctions | undefined;
}

export interface RunningCall<Contents extends WorkContents = WorkContents> {
  readonly generation: Contents;
  readonly context: CallContext;
  readonly deadline: CallDeadline;
}

export interface WorkRun {
  readonly work: EndpointWork;
  readonly callArguments: CallArguments;
  readonly result: ResultCollectorOptions;
}

/** Runs the work of one call and gives its result the declared shape. Throws what `EndpointCalls` throws. */
export function runWork({ work, callArguments, result }: WorkRun, call: RunningCall): Promise<ShapedResult> {
  return work.language === 'sql'
    ? runStatement(work.toStatement(callArguments), result, call)
    : runFunction(work.target, { work, callArguments, result }, call);
}

async function runStatement(
  { sql, bindings }: SqlStatement,
  result: ResultCollectorOptions,
  { generation, context: { caller }, deadline: { signal } }: RunningCall,
): Promise<ShapedResult> {
  const collector = new ResultCollector(result);
  await generation.database.query(sql, bindings, { caller, signal, onRow: collector.onRow });
  return collector.finish();
}

async function runFunction(
  target: PythonTarget,
  { callArguments, result }: WorkRun,
  { generation, context: { caller, notify }, deadline: { signal } }: RunningCall,
): Promise<ShapedResult> {
  const { python } = generation;
  if (python === undefined) throw new Error(`no Python workers to call ${target.file} with`);
  const collector = new ValueCollector(result);
  const { onShape, onItem } = collector;
  const { maxResultBytes } = result;
  await python.call(target, callArguments.bindings, {
    caller,
    signal,
    notify,
    maxResultBytes,
    onShape,
    onItem,
  });
  return collector.finish();
}

/** The end of one call: its caller's signal and its time limit together. Disposed when the call ends, whichever way. */
export class CallDeadline {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #callerSignal: AbortSignal;
  readonly #onCallerAbort = (): void => this.#controller.abort(this.#callerSignal.reason);
  #hasExpired = false;
  #isInterrupted = false;

  readonly #expire = (): void => {
    if (this.signal.aborted) return;
    this.#hasExpired = true;
    this.#controller.abort();
  };

  /** A limit of 0 is none. */
  constructor(callerSignal: AbortSignal, timeoutMs: number) {
    this.#callerSignal = callerSignal;
    this.signal = this.#controller.signal;
    if (callerSignal.aborted) this.#onCallerAbort();
    else callerSignal.addEventListener('abort', this.#onCallerAbort, { once: true });
    if (timeoutMs > 0) this.#timer = setTimeout(this.#expire, timeoutMs);
  }

  /** Ends the call for a reason of the server's own. May be asked for again; what ended the call first is what counts. */
  interrupt(): void {
    if (this.signal.aborted) return;
    this.#isInterrupted = true;
    this.#controller.abort();
  }

  /** Whether the server, and neither the caller nor the time limit, ended the call. */
  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  /** Whether the time limit, and not the caller, ended the call. */
  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#callerSignal.removeEventListener('abort', this.#onCallerAbort);
  }
}
