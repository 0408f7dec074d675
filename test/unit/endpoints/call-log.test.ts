import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CallLog, EndpointSet } from '../../../src/endpoints/index.js';
import { type EndedCall, withoutValues } from '../../../src/endpoints/running/call-log.js';
import { type ErrorCode, MxcpError } from '../../../src/errors/index.js';
import { createLogger, createSilentLogger, Scrubber } from '../../../src/logging/index.js';
import type { ObservedCall } from '../../../src/telemetry/index.js';
import { anonymous } from '../../kit/projects/endpoint-project.js';

const CATALOG = { endpoints: [], failures: [], disabled: [], warnings: [], fingerprints: new Map() };
const ENDPOINTS = new EndpointSet(CATALOG, {
  enabled: true,
  externalAccess: true,
  severalStatements: false,
  descriptions: {},
});

function failed(name: string, code: ErrorCode, message = 'broken'): EndedCall {
  return { ...ended(name), error: new MxcpError(code, message) };
}

function ended(name: string): EndedCall {
  return {
    kind: 'tool',
    name,
    sent: {},
    endpoints: ENDPOINTS,
    context: anonymous(),
    error: undefined,
    durationMs: 1.4,
    outcome: {},
  };
}

describe('the log of calls', () => {
  const lines: string[] = [];
  let log: CallLog;

  beforeEach(() => {
    vi.useFakeTimers();
    const sinks = [(line: string) => lines.push(line.replace(/^\S+ /, ''))];
    log = new CallLog(createLogger({ level: 'info', format: 'text', scrubber: new Scrubber(), sinks }));
  });
  afterEach(() => {
    log.dispose();
    lines.length = 0;
    vi.useRealTimers();
  });

  test('has nothing about calls that succeed', () => {
    log.add(ended('list_tables'));
    expect(lines).toEqual([]);
  });

  test('passes every call to the observer, without the values of arguments', () => {
    const calls: ObservedCall[] = [];
    const observed = new CallLog(createSilentLogger(), { callEnded: (call) => calls.push(call) });
    observed.add(ended('list_tables'));
    observed.add({ ...failed('list_tables', 'params_invalid', 'no "hunter2"'), sent: { table: 'hunter2' } });
    observed.add(failed('unheard_of', 'endpoint_not_found'));
    expect(calls).toMatchObject([
      { kind: 'tool', endpoint: 'list_tables', failure: undefined, durationMs: 1.4 },
      { endpoint: 'list_tables', failure: { code: 'params_invalid', level: 'info' } },
      { endpoint: undefined, failure: { code: 'endpoint_not_found' } },
    ]);
    expect(calls[1]?.failure?.message()).toBe('tool "list_tables" failed: no "[argument]"');
    observed.dispose();
  });

  test('has one line for a failed call, with code, duration, request and client', () => {
    const context = { ...anonymous(), origin: { requestId: 7, client: '127.0.0.1' } };
    log.add({ ...failed('list_tables', 'call_timeout', 'took too long'), context });
    expect(lines).toEqual([
      'WARN calls: tool "list_tables" failed: took too long kind=tool name=list_tables code=call_timeout duration_ms=1 request=7 client=127.0.0.1\n',
    ]);
  });

  test('says why a client cancelled a call, without the values of arguments and in bounded length', () => {
    const signal = AbortSignal.abort(`not hunter2 after all ${'x'.repeat(5000)}`);
    const context = { ...anonymous(), signal };
    log.add({ ...failed('list_tables', 'query_interrupted', 'was cancelled'), sent: { table: 'hunter2' }, context });
    expect(lines[0]).toMatch(/^INFO calls: .* cancel_reason="not \[argument\] after all x/);
    expect(lines[0]?.length).toBeLessThan(1000);
    log.add({ ...failed('list_tables', 'query_interrupted'), context: { ...context, signal: AbortSignal.abort() } });
    log.add({ ...failed('list_tables', 'query_failed'), context });
    expect(lines.slice(1).join('')).not.toContain('cancel_reason');
  });

  test.each<[ErrorCode, string]>([
    ['params_invalid', 'INFO'],
    ['not_found', 'INFO'],
    ['query_interrupted', 'WARN'],
    ['server_busy', 'WARN'],
    ['result_too_large', 'WARN'],
    ['python_failed', 'WARN'],
    ['output_invalid', 'WARN'],
    ['internal', 'ERROR'],
  ])('logs %s at level %s', (code, level) => {
    log.add(failed('list_tables', code));
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^${level} calls: `))]);
  });

  test('takes a call that its client cancelled, and SQL that a client wrote, as no fault of the server', () => {
    log.add({
      ...failed('list_tables', 'query_interrupted'),
      context: { ...anonymous(), signal: AbortSignal.abort() },
    });
    log.add(failed('execute_sql_query', 'query_failed', 'Catalog Error: Table with name hunter2 does not exist!'));
    expect(lines).toEqual([
      expect.stringMatching(/^INFO calls: tool "list_tables"/),
      expect.stringMatching(/^INFO calls: tool "execute_sql_query" failed: Catalog Error kind=/),
    ]);
  });

  test('limits the lines of a caller in a loop, and says how many it left out', () => {
    for (let call = 0; call < 1000; call += 1) log.add(failed('list_tables', 'query_failed'));
    expect(lines).toHaveLength(10);
    log.add(failed('list_tables', 'call_timeout'));
    expect(lines).toHaveLength(11);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(11)).toEqual([
      'WARN calls: 990 more failed calls of tool "list_tables" with query_failed in the last minute, not logged left_out=990\n',
    ]);
    log.add(failed('list_tables', 'query_failed'));
    expect(lines).toHaveLength(13);
  });

  test('limits the lines of a caller that asks for ever new names, and their length', () => {
    for (let call = 0; call < 1000; call += 1) log.add(failed(`${call}${'x'.repeat(10_000)}`, 'endpoint_not_found'));
    log.dispose();
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toContain('990 more failed calls of unknown tools with endpoint_not_found');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(1000);
  });

  test('counts calls by outcome, code and endpoint', () => {
    log.add(ended('list_tables'));
    log.add(failed('list_tables', 'query_failed'));
    log.add(failed('nope', 'endpoint_not_found'));
    expect(log.counts).toEqual({
      total: 3,
      success: 1,
      error: 2,
      failures: { query_failed: 1, endpoint_not_found: 1 },
      endpoints: [
        {
          type: 'tool',
          name: 'list_tables',
          calls: 2,
          failures: 1,
          lastFailure: expect.any(Date),
          lastFailureCode: 'query_failed',
        },
      ],
    });
  });
});

describe('a message without the values of arguments', () => {
  test.each([
    ["Could not convert string 'abc' to INT32", { x: 'abc' }, "Could not convert string '[argument]' to INT32"],
    ['"n" must be at most 10, not 4711', { n: 4711 }, '"n" must be at most 10, not [argument]'],
    ['LINE 1: row 11 of 1', { n: 1 }, 'LINE [argument]: row 11 of [argument]'],
    ['not "a \\"quoted\\" text"', { s: 'a "quoted" text' }, 'not "[argument]"'],
    ["near 'it''s'", { s: "it's" }, "near '[argument]'"],
    ['not {"deep":["value"]}', { o: { deep: ['value'] } }, 'not {"deep":["[argument]"]}'],
    ['"s" is not known', { s: '' }, '"s" is not known'],
  ])('%s', (message, sent, expected) => {
    expect(withoutValues(message, sent)).toBe(expected);
  });

  test('replaces the beginning of a long value, which is all that a message quotes', () => {
    const secret = 'planted-'.repeat(100);
    expect(withoutValues(`"s" must be a date, not "${secret.slice(0, 80)}…"`, { s: secret })).toBe(
      '"s" must be a date, not "[argument]…"',
    );
  });

  test('is left out when there are too many values to look for', () => {
    expect(withoutValues('not 17', { list: Array.from({ length: 100_000 }, (_, n) => n) })).not.toContain('17');
  });
});
