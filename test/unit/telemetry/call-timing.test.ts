import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { type CallTiming, type ObservedCall, Observers, type ServerObserver } from '../../../src/telemetry/index.js';

const ENDED: ObservedCall = {
  kind: 'tool',
  endpoint: 'sales',
  failure: undefined,
  durationMs: 1,
  caller: ANONYMOUS,
  requestId: undefined,
  client: undefined,
};

function createTiming(observer: ServerObserver = {}): CallTiming {
  const observers = new Observers(createSilentLogger());
  observers.add({ callStarted: () => {}, ...observer });
  const timing = observers.timeCall(() => ({ kind: 'tool', name: 'sales', transport: 'http' }));
  if (timing === undefined) throw new Error('the call is not timed');
  return timing;
}

describe('the timing of a call', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('is made only while an observer wants it', () => {
    const observers = new Observers(createSilentLogger());
    const start = vi.fn(() => ({ kind: 'tool', name: 'sales', transport: 'http' }) as const);
    observers.add({ callEnded: () => {} });
    expect(observers.timeCall(start)).toBeUndefined();
    const remove = observers.add({ callStarted: () => {} });
    expect(observers.timeCall(start)).toBeDefined();
    remove();
    expect(observers.timeCall(start)).toBeUndefined();
    expect(start).toHaveBeenCalledTimes(1);
  });

  it('adds up the time of each phase, and counts the statements of Python code once', () => {
    const timing = createTiming();
    const queue = timing.begin('queue');
    vi.advanceTimersByTime(5);
    queue.end();
    const python = timing.begin('python');
    for (const ms of [10, 20]) {
      const statement = timing.begin('duckdb', { statement: 'SELECT 1' }, python);
      vi.advanceTimersByTime(ms);
      statement.end();
      vi.advanceTimersByTime(1);
    }
    python.end();
    expect(Object.fromEntries(timing.totals())).toEqual({ queue: 5, python: 2, duckdb: 30 });
    expect(timing.intervals.map(({ phase, startMs, endMs, parent }) => [phase, startMs, endMs, parent?.phase])).toEqual(
      [
        ['queue', 0, 5, undefined],
        ['python', 5, 37, undefined],
        ['duckdb', 5, 15, 'python'],
        ['duckdb', 16, 36, 'python'],
      ],
    );
  });

  it('ends what is still open when the endpoint ends, and encodes until the answer is written, once', () => {
    const answered = vi.fn();
    const timing = createTiming({ callAnswered: answered });
    const duckdb = timing.begin('duckdb');
    vi.advanceTimersByTime(7);
    timing.end({ ...ENDED, failure: { code: 'query_failed', level: 'warn', message: () => '' } });
    vi.advanceTimersByTime(3);
    duckdb.end();
    timing.answered();
    vi.advanceTimersByTime(100);
    timing.answered();
    expect(answered).toHaveBeenCalledTimes(1);
    expect(Object.fromEntries(timing.totals())).toEqual({ duckdb: 7, encode: 3 });
    expect(timing.intervals[0]?.failure).toBe('query_failed');
    expect([timing.endedMs, timing.durationMs]).toEqual([7, 10]);
  });

  it('keeps a limited number of intervals and still adds up all of them', () => {
    const timing = createTiming();
    for (let count = 0; count < 1000; count += 1) {
      const statement = timing.begin('duckdb');
      vi.advanceTimersByTime(1);
      statement.end();
    }
    expect(timing.intervals).toHaveLength(200);
    expect(timing.dropped).toBe(800);
    expect(timing.totals().get('duckdb')).toBe(1000);
  });

  it('still shows the time to encode after more statements than it keeps', () => {
    const timing = createTiming();
    for (let count = 0; count < 201; count += 1) timing.begin('duckdb').end();
    timing.end(ENDED);
    vi.advanceTimersByTime(3);
    timing.answered();
    expect(timing.dropped).toBe(1);
    expect(timing.totals().get('encode')).toBe(3);
    expect(timing.intervals.at(-1)).toMatchObject({ phase: 'encode', endMs: 3 });
  });

  it('gives code the span of its phase to continue, or that of the client if none is recorded', () => {
    const timing = createTiming();
    expect(timing.contextOf(timing.begin('python'))).toBeUndefined();
    timing.trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), isSampled: true };
    const python = timing.begin('python');
    expect(timing.contextOf(python)).toEqual({ ...timing.trace, spanId: python.interval.spanId });
  });
});
