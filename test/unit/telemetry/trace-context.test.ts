import { anything, assert, boolean, constantFrom, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTraceContext, toTraceparent } from '../../../src/telemetry/index.js';
import { newSpanId, newTraceId } from '../../../src/telemetry/trace-context.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const VALID = `00-${TRACE}-${SPAN}-01`;

const hex = (length: number) =>
  string({ unit: constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const identifier = (length: number) => hex(length).filter((text) => !/^0+$/.test(text));

describe('a `traceparent`', () => {
  it('is read', () => {
    expect(parseTraceContext(VALID, undefined)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true });
    expect(parseTraceContext(`00-${TRACE}-${SPAN}-00`, undefined)?.isSampled).toBe(false);
  });

  it('is written as it was read', () => {
    assert(
      property(identifier(32), identifier(16), boolean(), (traceId, spanId, isSampled) => {
        const text = toTraceparent({ traceId, spanId, isSampled });
        expect(parseTraceContext(text, undefined)).toEqual({ traceId, spanId, isSampled });
      }),
    );
  });

  it('of a later version may have more fields', () => {
    expect(parseTraceContext(`cc-${TRACE}-${SPAN}-01-what-ever`, undefined)?.traceId).toBe(TRACE);
    expect(parseTraceContext(`cc-${TRACE}-${SPAN}-01.what-ever`, undefined)).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    1,
    {},
    '',
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-01-more`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE}0-${SPAN}-01`,
    `${VALID}\n${VALID}`,
    `cc-${TRACE}-${SPAN}-01-${'x'.repeat(1000)}`,
  ])('that is invalid is ignored: %j', (text) => {
    expect(parseTraceContext(text, 'a=b')).toBeUndefined();
  });

  it('never makes the parser throw', () => {
    assert(
      property(anything(), anything(), (parent, state) => {
        parseTraceContext(parent, state);
        expect(parseTraceContext(VALID, state)?.traceId).toBe(TRACE);
      }),
    );
  });
});

describe('a `tracestate`', () => {
  it.each([
    ['rojo=00f067aa0ba902b7, congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
    ['fw529a3039@dt=FfAxMzI0', 'fw529a3039@dt=FfAxMzI0'],
    ['a=1,,b=2', 'a=1,b=2'],
  ])('is passed on: %s', (state, expected) => {
    expect(parseTraceContext(VALID, state)?.state).toBe(expected);
  });

  it.each([
    'no-value',
    'UPPER=1',
    'a=1\u0000',
    'a=b=c',
    'a=é',
    ' ',
    Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(','),
    `a=${'x'.repeat(600)}`,
  ])('that is invalid is dropped, and the trace continues: %j', (state) => {
    expect(parseTraceContext(VALID, state)).toEqual({ traceId: TRACE, spanId: SPAN, isSampled: true });
  });
});

it('identifiers are hex digits of the right number, and no two are equal', () => {
  const ids = Array.from({ length: 2000 }, newTraceId);
  expect(new Set(ids).size).toBe(2000);
  expect(ids.filter((id) => !/^[\da-f]{32}$/.test(id))).toEqual([]);
  expect(newSpanId()).toMatch(/^[\da-f]{16}$/);
});
