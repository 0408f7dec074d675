import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AuditRefusals } from '../../../src/server/audit-refusals.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function createRefusals() {
  const records: { readonly name: string; readonly output: string }[] = [];
  const refusals = new AuditRefusals({
    append: ({ operationName }, { output }) => {
      records.push({ name: operationName, output });
      return Promise.resolve();
    },
  });
  const refuse = (times: number): void => {
    for (let each = 0; each < times; each += 1)
      refusals.requestRefused({ surface: 'http', request: 'tools/list', code: 'params_invalid', reason: 'no' });
  };
  const guess = (times: number): void => {
    for (let each = 0; each < times; each += 1) refusals.authenticated({ outcome: 'invalid', client: '192.0.2.1' });
  };
  return { records, refuse, guess };
}

it('records a hundred refusals at once and a hundred a minute, and counts the others in the next record', () => {
  const { records, refuse } = createRefusals();
  refuse(250);
  expect(records).toHaveLength(100);
  expect(new Set(records.map(({ output }) => output))).toEqual(new Set(['{"left_out":0}']));
  vi.advanceTimersByTime(60_000);
  refuse(2);
  expect(records.slice(100).map(({ output }) => output)).toEqual(['{"left_out":150}', '{"left_out":0}']);
  refuse(1000);
  vi.advanceTimersByTime(6_000);
  refuse(50);
  expect(records).toHaveLength(210);
});

it('keeps the records of callers apart from those of requests that anyone can send', () => {
  const { records, refuse, guess } = createRefusals();
  guess(1000);
  refuse(1);
  expect(records.filter(({ name }) => name === 'invalid')).toHaveLength(100);
  expect(records.at(-1)).toEqual({ name: 'tools/list', output: '{"left_out":0}' });
});

it('bounds what a request brings', () => {
  const { records } = createRefusals();
  const refusals = new AuditRefusals({
    append: ({ operationName, requestId, sessionId, error }) => {
      records.push({ name: operationName, output: `${requestId?.length} ${sessionId?.length} ${error?.length}` });
      return Promise.resolve();
    },
  });
  const long = 'x'.repeat(100_000);
  const target = { kind: 'tool', name: long } as const;
  refusals.requestRefused({
    surface: 'http',
    request: long,
    target,
    code: 'params_invalid',
    reason: long,
    requestId: long,
    sessionId: long,
  });
  expect(records[0]?.name.length).toBe(201);
  expect(records[0]?.output).toBe('201 201 2001');
});
