import { describe, expect, it } from 'vitest';
import type { TypeDefinition } from '../../../src/values/type-definition.js';
import { createResultChecks } from '../../../src/values/results.js';
import { SchemaCompiler } from '../../../src/values/schema-compiler.js';
import type { JsonValue } from '../../../src/duckdb/index.js';
import { ValueCollector } from '../../../src/values/value-collector.js';

/** As a worker hands a result over: a list item by item, anything else as one value. */
function collect(returns: TypeDefinition | undefined, value: JsonValue, maxResultBytes = 1000) {
  const endpoint = 'tool "t"';
  const checks = returns && createResultChecks(returns, new SchemaCompiler());
  const collector = new ValueCollector({ endpoint, returns, checks, maxResultBytes });
  collector.onShape(Array.isArray(value) ? 'list' : 'value');
  for (const item of Array.isArray(value) ? value : [value]) collector.onItem(item, JSON.stringify(item));
  return collector.finish();
}

const refused = (message: string) => expect.objectContaining({ code: 'output_invalid', message });

describe('what a function returned', () => {
  it.each([
    [{ a: 1 }, { shape: 'object', value: { a: 1 }, texts: ['{\n  "a": 1\n}'] }],
    [[1, 'two', null], { shape: 'array', items: [1, 'two', null], texts: ['1', '"two"', 'null'] }],
    [[], { shape: 'array', items: [], texts: [], bytes: 0 }],
    ['say "hi"', { shape: 'scalar', value: 'say "hi"', texts: ['say "hi"'] }],
    [4.5, { shape: 'scalar', value: 4.5, texts: ['4.5'] }],
    [null, { shape: 'scalar', value: null, texts: ['null'] }],
  ] as const)('keeps its own shape when no type is declared: %j', (value, expected) => {
    expect(collect(undefined, value)).toMatchObject(expected);
  });

  it('keeps only the texts of a long list', () => {
    const items = Array.from({ length: 100 }, (_, n) => n);
    expect(collect(undefined, items)).toMatchObject({ items: null, texts: items.map(String) });
  });

  it.each([
    ['array', { a: 1 }, 'must return a list, because its return type is array, but its function returned a dict'],
    ['array', null, 'must return a list, because its return type is array, but its function returned None'],
    ['object', [1], 'must return a dict, because its return type is object, but its function returned a list'],
    ['object', 'x', 'must return a dict, because its return type is object, but its function returned x'],
    ['string', [1], 'must return one value, because its return type is string, but its function returned a list'],
    [
      'integer',
      { a: 1 },
      'must return one value, because its return type is integer, but its function returned a dict',
    ],
  ] as const)('has the declared shape: %s, not %j', (type, value, message) => {
    expect(() => collect({ type }, value)).toThrow(refused(`tool "t" ${message}`));
  });

  it('is checked against the declared type, items one by one', () => {
    expect(() => collect({ type: 'integer' }, 'x')).toThrow(
      refused('the result of tool "t" does not fit its return type: it must be a whole number, not "x"'),
    );
    expect(() => collect({ type: 'array', items: { type: 'integer' } }, [1, 'x'])).toThrow(
      refused('the result of tool "t" does not fit its return type: item 2: it must be a whole number, not "x"'),
    );
    expect(() => collect({ type: 'array', minItems: 2 }, [1])).toThrow(
      refused('the result of tool "t" does not fit its return type: it has 1 item, fewer than minItems (2)'),
    );
    expect(() => collect({ type: 'array', uniqueItems: true }, ['a', 'b', 'a'])).toThrow(
      refused('the result of tool "t" does not fit its return type: it has equal items, and uniqueItems is true'),
    );
  });

  it('lets any value be null, as SQL does', () => {
    expect(collect({ type: 'integer' }, null)).toMatchObject({ shape: 'scalar', value: null });
    expect(collect({ type: 'array', items: { type: 'integer' } }, [null])).toMatchObject({ items: [null] });
  });

  it('is refused when it is too large, at the item that was one too many', () => {
    expect(() => collect(undefined, ['x'.repeat(30), 'y'.repeat(30)], 40)).toThrow(
      expect.objectContaining({
        code: 'result_too_large',
        message: expect.stringContaining('larger than 40 bytes (reached at item 2)'),
      }),
    );
    expect(() => collect(undefined, { text: 'x'.repeat(50) }, 40)).toThrow(
      expect.objectContaining({ code: 'result_too_large' }),
    );
  });
});
