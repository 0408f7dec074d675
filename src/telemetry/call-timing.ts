import type { Caller, Decision } from '../caller/index.js';
import type { ErrorCode } from '../errors/index.js';
import { newSpanId, type TraceContext } from './trace-context.js';

/** A call that has ended. No field has the value of an argument, except that the caller has the headers of the request. */
export interface ObservedCall {
  readonly kind: 'tool' | 'resource' | 'prompt';
  /** As the project declares it: a name, a URI or a template. Undefined when there is no such endpoint. */
  readonly endpoint: string | undefined;
  readonly caller: Caller;
  /** Undefined while no protection had to decide. */
  readonly decision?: Decision | undefined;
  /** Undefined for a success. */
  readonly failure: CallFailure | undefined;
  readonly durationMs: number;
  /** What the call was answered with; undefined if it has failed, or has no result. */
  readonly answer?: AnswerFacts | undefined;
  readonly requestId: string | number | undefined;
  readonly client: string | undefined;
  /** Absent while no observer wants to know where the time goes. */
  readonly timing?: CallTiming | undefined;
}

/** How large an answer is. */
export interface AnswerFacts {
  /** Rows, items or blocks. */
  readonly parts: number;
  /** UTF-8 bytes of the rows or the value as text. */
  readonly bytes: number;
  /** Undefined for an answer that is whole. `total` counts all rows, where that is known. */
  readonly shortened: { readonly because: 'rows' | 'bytes'; readonly total: number | undefined } | undefined;
}

export interface CallFailure {
  readonly code: ErrorCode;
  /** Of its line in the log: `info` for a mistake of the caller. */
  readonly level: 'info' | 'warn' | 'error';
  /** As in the log, without the values of arguments. Costs time, so observers ask only for what they pass on. */
  readonly message: () => string;
}

/**
 * Where a call spends its time: `hold` waits for a reload that pauses calls, `queue` for a slot of the call gate; `bind` reads
 * and checks the arguments, `check` the result; `encode` makes the answer and writes it.
 */
export type CallPhase = 'hold' | 'queue' | 'policy' | 'bind' | 'duckdb' | 'python' | 'render' | 'check' | 'encode';

/** The methods of MCP by which clients call endpoints. */
export const CALL_METHODS = { tool: 'tools/call', resource: 'resources/read', prompt: 'prompts/get' } as const;

/** What is known when a call begins. */
export interface CallStart {
  readonly kind: ObservedCall['kind'];
  /** As the client sent it. */
  readonly name: string;
  readonly transport: 'http' | 'stdio' | 'admin';
  readonly requestId?: string | number | undefined;
  readonly client?: string | undefined;
  /** Undefined for all endpoints. */
  readonly group?: string | undefined;
  readonly sessionId?: string | undefined;
  readonly protocolVersion?: string | undefined;
  /** The span that the client has open, if it sent one. */
  readonly parent?: TraceContext | undefined;
}

/** What observers may want to know of a phase. The statement is for a hash only; no field has the value of an argument. */
export interface PhaseFacts {
  readonly statement?: string;
  readonly parameters?: number;
  /** Of a Python function: its file and name. */
  readonly code?: string;
}

/** A stretch of time that a call spent in one phase. Times are milliseconds since the call began. */
export interface PhaseInterval {
  readonly phase: CallPhase;
  readonly spanId: string;
  /** What it is a part of: a statement of a Python function. */
  readonly parent: PhaseInterval | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly facts: PhaseFacts;
  readonly rows: number | undefined;
  /** The code of the error that ended it. */
  readonly failure: string | undefined;
}

/** A phase that has not ended. Ending it twice does no harm; what is still open when the call ends is ended then. */
export interface OpenPhase {
  readonly interval: PhaseInterval;
  end(failure?: string): void;
  /** How many rows or items it gave, once that is known. */
  report(rows: number): void;
}

/** A function may run any number of statements; of further ones, only their time is added up. */
const MAX_INTERVALS = 200;

/**
 * Records one call for its observers, from its arrival to the moment its answer is written. Made only while an observer wants it,
 * so the code that does the work asks `timing?.begin(…)`.
 */
export class CallTiming {
  readonly start: CallStart;
  readonly startedAt = Date.now();
  /** The span of this call. Set by the observer that records spans, in `callStarted`. */
  trace: TraceContext | undefined;
  /** Of the endpoint, within the span of the call. */
  readonly endpointSpanId = newSpanId();
  /** Set when the endpoint has ended. */
  ended: ObservedCall | undefined;
  /** Between arrival and the end of the endpoint, relative to `startedAt`. */
  endedMs = 0;
  /** Until the answer was written. */
  durationMs = 0;
  /** Statements that are not in `intervals`. */
  dropped = 0;
  readonly #startMs = performance.now();
  readonly #onAnswered: (timing: CallTiming) => void;
  readonly #intervals: RunningInterval[] = [];
  readonly #totals = new Map<CallPhase, number>();
  #isAnswered = false;

  constructor(start: CallStart, onAnswered: (timing: CallTiming) => void) {
    this.start = start;
    this.#onAnswered = onAnswered;
  }

  /** In the order in which they began. */
  get intervals(): readonly PhaseInterval[] {
    return this.#intervals;
  }

  /** The position that code of the call should continue: the trace of the client if this server records none. */
  contextOf({ interval }: OpenPhase): TraceContext | undefined {
    return this.trace === undefined ? this.start.parent : { ...this.trace, spanId: interval.spanId };
  }

  begin(phase: CallPhase, facts: PhaseFacts = {}, parent?: OpenPhase): OpenPhase {
    const interval = new RunningInterval(phase, facts, parent?.interval, this.#now());
    if (phase !== 'duckdb' || this.#intervals.length < MAX_INTERVALS) this.#intervals.push(interval);
    else this.dropped += 1;
    return {
      interval,
      end: (failure) => this.#end(interval, failure),
      report: (rows) => {
        interval.rows = rows;
      },
    };
  }

  /** The endpoint has ended. */
  end(call: ObservedCall): void {
    this.ended = call;
    this.endedMs = this.#now();
    for (const interval of this.#intervals) this.#end(interval, call.failure?.code);
    this.begin('encode');
  }

  /** The answer was written, or its client has gone. Idempotent. */
  answered(): void {
    if (this.#isAnswered) return;
    this.#isAnswered = true;
    for (const interval of this.#intervals) this.#end(interval, undefined);
    this.durationMs = this.#now();
    this.#onAnswered(this);
  }

  /** The time in each phase; the statements of a Python function count as `duckdb`, not as `python`. */
  totals(): ReadonlyMap<CallPhase, number> {
    const python = this.#totals.get('python');
    if (python === undefined) return this.#totals;
    const nested = this.#totals.get('duckdb') ?? 0;
    return new Map([...this.#totals, ['python', Math.max(0, python - nested)]]);
  }

  #end(interval: RunningInterval, failure: string | undefined): void {
    if (interval.isEnded) return;
    interval.end(this.#now(), failure);
    const { phase } = interval;
    this.#totals.set(phase, (this.#totals.get(phase) ?? 0) + interval.endMs - interval.startMs);
  }

  #now(): number {
    return performance.now() - this.#startMs;
  }
}

class RunningInterval implements PhaseInterval {
  readonly phase: CallPhase;
  readonly spanId = newSpanId();
  readonly facts: PhaseFacts;
  readonly parent: PhaseInterval | undefined;
  readonly startMs: number;
  endMs: number;
  failure: string | undefined;
  rows: number | undefined;
  isEnded = false;

  constructor(phase: CallPhase, facts: PhaseFacts, parent: PhaseInterval | undefined, startMs: number) {
    this.phase = phase;
    this.facts = facts;
    this.parent = parent;
    this.startMs = startMs;
    this.endMs = startMs;
  }

  end(endMs: number, failure: string | undefined): void {
    this.endMs = endMs;
    this.failure = failure;
    this.isEnded = true;
  }
}
