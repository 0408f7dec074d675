import { callTrace, type CallTraceRecord, formatEvent, toWire } from '../contract/index.js';
import type { CallTiming } from './call-timing.js';
import type { ServerObserver } from './observers.js';

/** Which calls a reader of `GET /trace` wants. All unless given. */
export interface TraceSelection {
  /** As the project declares it. */
  readonly endpoint?: string | undefined;
  readonly slowerThanMs?: number | undefined;
  readonly errors?: boolean | undefined;
}

/** A client chooses the id of its request. */
const MAX_TEXT_LENGTH = 200;

/** Passes each call that was answered to one reader. Calls are timed for it, so it is an observer only while the reader is there. */
export class CallTracer implements ServerObserver {
  readonly #selection: TraceSelection;
  readonly #deliver: (event: string) => void;

  constructor(selection: TraceSelection, deliver: (event: string) => void) {
    this.#selection = selection;
    this.#deliver = deliver;
  }

  /** Makes calls be timed; nothing is known of them yet. */
  callStarted(): void {}

  callAnswered(timing: CallTiming): void {
    const { endpoint, slowerThanMs = 0, errors = false } = this.#selection;
    const { ended, durationMs } = timing;
    if (endpoint !== undefined && ended?.endpoint !== endpoint) return;
    if (durationMs < slowerThanMs || (errors && ended?.failure === undefined)) return;
    this.#deliver(formatEvent('call', JSON.stringify(toWire(callTrace, toCallTrace(timing)))));
  }
}

function toCallTrace(timing: CallTiming): CallTraceRecord {
  const { start, startedAt, ended, durationMs, intervals, dropped } = timing;
  const requestId = start.requestId === undefined ? null : String(start.requestId).slice(0, MAX_TEXT_LENGTH);
  const phases = Object.fromEntries([...timing.totals()].map(([phase, ms]) => [phase, rounded(ms)]));
  return {
    at: new Date(startedAt),
    type: start.kind,
    name: ended?.endpoint ?? null,
    code: ended?.failure?.code ?? null,
    durationMs: rounded(durationMs),
    phases,
    // Only statements are left out of the intervals.
    statements: intervals.filter(({ phase }) => phase === 'duckdb').length + dropped,
    rows: intervals.find(({ rows }) => rows !== undefined)?.rows ?? null,
    bytes: ended?.answer?.bytes ?? null,
    shortened: ended?.answer?.shortened?.because ?? null,
    transport: start.transport,
    request: requestId,
    client: start.client ?? null,
    group: start.group ?? null,
    user: ended?.caller.userId?.slice(0, MAX_TEXT_LENGTH) ?? null,
    traceId: (timing.trace ?? start.parent)?.traceId ?? null,
  };
}

/** To the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
