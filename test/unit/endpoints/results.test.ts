import { describe, expect, it } from 'vitest';
import type { TypeDefinition } from '../../../src/values/type-definition.js';
import { createResultChecks, RowCollector } from '../../../src/values/results.js';
import { toOutputSchema } from '../../../src/values/json-schema.js';
import { SchemaCompiler } from '../../../src/values/schema-compiler.js';
import type { JsonObject } from '../../../src/duckdb/index.js';

function collect(returns: TypeDefinition | undefined, rows: readonly JsonObject[], maxResultBytes = 1000) {
  const checks = returns && createResultChecks(returns, new SchemaCompiler());
  const collector = new RowCollector({ endpoint: 'tool "t"', returns, checks, maxResultBytes });
  for (const row of rows) collector.onRow(row);
  return collector.finish();
}

describe('shaping results', () => {
  it('keeps rows as they came when no type is declared', () => {
    expect(collect(undefined, [{ a: 1 }, { b: 'ä' }])).toEqual({
      shape: 'array',
      items: [{ a: 1 }, { b: 'ä' }],
      texts: ['{"a":1}', '{"b":"ä"}'],
      bytes: 17,
    });
  });

  it('answers text as itself, and other values as JSON', () => {
    expect(collect({ type: 'string' }, [{ a: 'say "hi"' }])).toMatchObject({ value: 'say "hi"', texts: ['say "hi"'] });
    expect(collect({ type: 'boolean' }, [{ a: true }])).toMatchObject({ value: true, texts: ['true'] });
    expect(collect({ type: 'number' }, [{ a: null }])).toMatchObject({ value: null, texts: ['null'] });
  });

  it.each([
    [{ type: 'object' }, [], 'not found: tool "t" found nothing for these arguments'],
    [
      { type: 'integer' },
      [{ a: 1 }, { a: 2 }, { a: 3 }],
      'tool "t" must return exactly one row, because its return type is integer, but its SQL returned 3 rows',
    ],
    [
      { type: 'integer' },
      [{ a: 1, b: 2 }],
      'tool "t" must return one value, because its return type is integer, but its SQL returned 2 columns (a, b)',
    ],
  ] as const)('says what came when %j does not fit the rows', (returns, rows, message) => {
    expect(() => collect(returns, rows)).toThrow(message);
  });

  it('stops counting rows that it cannot use', () => {
    const rows = Array.from({ length: 2000 }, (_, a) => ({ a }));
    expect(() => collect({ type: 'integer' }, rows)).toThrow('more than 1000 rows');
  });

  it.each([
    [
      { type: 'array', items: { type: 'object', properties: { a: { type: 'integer' } } } },
      [{ a: 1 }, { a: 'x' }],
      'row 2: "a" must be a whole number, not "x"',
    ],
    [{ type: 'object', required: ['b'] }, [{ a: 1 }], 'type: "b" is required'],
    [
      { type: 'object', properties: { a: { type: 'integer' } }, additionalProperties: false },
      [{ a: 1, b: 2 }],
      '"b" is not known',
    ],
    [{ type: 'string' }, [{ a: 1 }], 'type: it must be text, not 1'],
    [{ type: 'integer' }, [{ a: true }], 'it must be a whole number, not true'],
    [{ type: 'array', minItems: 2 }, [{ a: 1 }], 'it has 1 row, fewer than minItems (2)'],
    [{ type: 'array', maxItems: 1 }, [{ a: 1 }, { a: 2 }], 'it has 2 rows, more than maxItems (1)'],
    [{ type: 'array', uniqueItems: true }, [{ a: 1 }, { a: 1 }], 'it has equal rows'],
    [{ type: 'string', format: 'email' }, [{ a: 'someone' }], 'must be an email address'],
    [{ type: 'integer' }, [{ a: '5' }], 'it must be a whole number, not "5"'],
    [{ type: 'number' }, [{ a: '0.5' }], 'it must be a number, not "0.5"'],
    [{ type: 'integer' }, [{ a: '12345678901234567.5' }], 'it must be a whole number, not "12345678901234567.5"'],
    [
      { type: 'integer', maximum: 9007199254740992 },
      [{ a: '9007199254740993' }],
      'it must be at most 9007199254740992, not "9007199254740993"',
    ],
    [
      { type: 'number', exclusiveMinimum: 0.1 },
      [{ a: '0.10000000000000000000' }],
      'it must be more than 0.1, not "0.10000000000000000000"',
    ],
    [
      { type: 'number', multipleOf: 0.01 },
      [{ a: '12345678901234567.891' }],
      'it must be a multiple of 0.01, not "12345678901234567.891"',
    ],
  ] as const)('refuses for %j the rows %j', (returns, rows, message) => {
    expect(() => collect(returns, rows)).toThrow(message);
  });

  it.each([
    [{ type: 'integer' }, '-9007199254740993'],
    [{ type: 'integer', minimum: 9007199254740992 }, '340282366920938463463374607431768211455'],
    [{ type: 'integer' }, '12345678901234567.00'],
    [{ type: 'number', multipleOf: 0.01, minimum: 0.1 }, '12345678901234567.89'],
    [{ type: 'number', exclusiveMinimum: 0.1 }, '0.10000000000000000001'],
    [{ type: 'number' }, '1E+20'],
  ] as const)('takes for %j the number that only a text holds: %s', (returns, a) => {
    expect(collect(returns, [{ a }])).toMatchObject({ value: a, texts: [a] });
  });

  it('advertises that a number may be text, unless its declaration keeps it small', () => {
    const properties = {
      id: { type: 'integer', minimum: 1 },
      year: { type: 'integer', minimum: 1900, exclusiveMaximum: 2101 },
      level: { type: 'integer', enum: [1, 2] },
      price: { type: 'number', minimum: 0, maximum: 1 },
    } as const;
    expect(toOutputSchema({ type: 'object', properties })['properties']).toEqual({
      id: { anyOf: [{ type: 'integer', minimum: 1 }, { type: 'string' }, { type: 'null' }] },
      year: { anyOf: [{ type: 'integer', minimum: 1900, exclusiveMaximum: 2101 }, { type: 'null' }] },
      level: { anyOf: [{ type: 'integer', enum: [1, 2] }, { type: 'null' }] },
      price: { anyOf: [{ type: 'number', minimum: 0, maximum: 1 }, { type: 'string' }, { type: 'null' }] },
    });
  });

  it('advertises no `multipleOf` with a fraction, because clients would divide doubles', () => {
    const properties = {
      price: { type: 'number', multipleOf: 0.01, maximum: 10 },
      dozens: { type: 'integer', multipleOf: 12, enum: [12, 24] },
    } as const;
    expect(toOutputSchema({ type: 'object', properties })['properties']).toEqual({
      price: { anyOf: [{ type: 'number', maximum: 10 }, { type: 'string' }, { type: 'null' }] },
      dozens: { anyOf: [{ type: 'integer', multipleOf: 12, enum: [12, 24] }, { type: 'null' }] },
    });
  });

  it('counts bytes while rows arrive', () => {
    expect(() => collect(undefined, [{ a: 'x'.repeat(30) }, { a: 1 }], 40)).toThrow(
      'the result of tool "t" is larger than 40 bytes (reached at row 2); ask for less, or raise --max-result-bytes',
    );
  });

  it('wraps what is not an object for the schema that MCP wants, and never promises a zone', () => {
    expect(toOutputSchema({ type: 'array', items: { type: 'string', format: 'date-time' } })).toEqual({
      type: 'object',
      properties: {
        result: {
          anyOf: [{ type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'null' }] } }, { type: 'null' }],
        },
      },
      required: ['result'],
    });
    expect(toOutputSchema({ type: 'object', properties: { day: { type: 'string', format: 'date' } } })).toEqual({
      type: 'object',
      properties: { day: { anyOf: [{ type: 'string', format: 'date' }, { type: 'null' }] } },
    });
  });
});
