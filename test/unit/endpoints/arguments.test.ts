import { describe, expect, it } from 'vitest';
import type { ParameterDefinition, TypeDefinition } from '../../../src/values/type-definition.js';
import { ArgumentReader } from '../../../src/values/arguments.js';
import { toInputSchema } from '../../../src/values/json-schema.js';
import { SchemaCompiler } from '../../../src/values/schema-compiler.js';
import { DeclaredValue, TypedText } from '../../../src/duckdb/index.js';

const LOST_DIGITS =
  '"x" is a number beyond ±9007199254740991, which may have lost digits on its way; send it as text, in quotes';

function reader(...parameters: ParameterDefinition[]) {
  return new ArgumentReader('tool "t"', parameters, new SchemaCompiler().checkOfArguments(parameters));
}

function read(parameter: Omit<ParameterDefinition, 'name'>, value: unknown): unknown {
  const binding = reader({ name: 'x', ...parameter }).read({ x: value }).bindings['x'];
  return binding instanceof DeclaredValue ? binding.value : binding;
}

function refusal(parameter: Omit<ParameterDefinition, 'name'>, value: unknown): string {
  try {
    return `accepted ${JSON.stringify(read(parameter, value))}`;
  } catch (error) {
    return error instanceof Error ? error.message.replace('invalid arguments for tool "t": ', '') : String(error);
  }
}

describe('reading arguments', () => {
  it.each([
    ['a number for text', { type: 'string' }, 42, '42'],
    ['a boolean for text', { type: 'string' }, true, 'true'],
    ['numeric text for a number', { type: 'number' }, ' 1.5e3 ', 1500],
    ['numeric text for a whole number', { type: 'integer' }, '-7', -7],
    ['a whole number for a number', { type: 'number' }, 3, 3],
    ['a large number for a number', { type: 'number' }, 1e300, 1e300],
    ['text of a large number for a number', { type: 'number' }, '1e300', 1e300],
    ['digits for a number', { type: 'number' }, '9007199254740993', 9007199254740993n],
    ['digits for a whole number', { type: 'integer' }, ' +09007199254740993 ', 9007199254740993n],
    ['a whole number with an exponent', { type: 'integer' }, '9.007199254740993e15', 9007199254740993n],
    ['a whole number with a fraction of zeros', { type: 'integer' }, '7.00', 7],
    [
      'bounds that a double keeps apart from the value',
      { type: 'integer', exclusiveMinimum: 9007199254740992, maximum: 9007199254740994 },
      '9007199254740993',
      9007199254740993n,
    ],
    ['a multiple that only the digits show', { type: 'integer', multipleOf: 3 }, '9007199254740993', 9007199254740993n],
    ['a multiple of a decimal', { type: 'number', multipleOf: 0.01 }, 19.99, 19.99],
    ['text that is a multiple of a decimal', { type: 'number', multipleOf: 0.01 }, '4.35', 4.35],
    ['a negative multiple of a decimal', { type: 'number', multipleOf: 0.1 }, -0.3, -0.3],
    ['a multiple that is far from its step', { type: 'number', multipleOf: 1e-7 }, 1e22, 1e22],
    ['an enum of digits', { type: 'integer', enum: ['9007199254740993'] }, '9007199254740993', 9007199254740993n],
    ['"TRUE" for a boolean', { type: 'boolean' }, 'TRUE', true],
    ['JSON text for a list', { type: 'array', items: { type: 'integer' } }, '[1, "2"]', [1, 2]],
    ['JSON text for an object', { type: 'object', properties: { a: { type: 'string' } } }, '{"a": 1}', { a: '1' }],
    ['a value of an enum after coercion', { type: 'integer', enum: [5, 6] }, '5', 5],
    ['an enum written as numbers for text', { type: 'string', enum: [1, 2] }, '2', '2'],
    ['an email address', { type: 'string', format: 'email' }, 'a@b.org', 'a@b.org'],
    ['a URI of any scheme', { type: 'string', format: 'uri' }, 'mailto:a@b.org', 'mailto:a@b.org'],
    ['a duration', { type: 'string', format: 'duration' }, 'P1DT2H0.5S', 'P1DT2H0.5S'],
    ['a pattern of the older syntax', { type: 'string', pattern: '^\\d{3}\\-\\d$' }, '123-4', '123-4'],
  ] as const)('takes %s', (_, parameter, value, expected) => {
    expect(read(parameter, value)).toEqual(expected);
  });

  it.each([
    ['date', '2024-02-29', 'DATE', '2024-02-29'],
    ['time', '10:30', 'TIME', '10:30'],
    ['date-time', '2024-02-29T10:30:00Z', 'TIMESTAMPTZ', '2024-02-29T10:30:00Z'],
    ['date-time', '2024-02-29 10:30:00+02:00', 'TIMESTAMPTZ', '2024-02-29 10:30:00+02:00'],
    ['date-time', '2024-02-29T10:30:00', 'TIMESTAMP', '2024-02-29T10:30:00'],
    ['timestamp', '1709202600.25', 'TIMESTAMP', '2024-02-29T10:30:00.250000'],
  ] as const)('binds a %s such as %s as %s', (format, value, sqlType, text) => {
    expect(read({ type: 'string', format }, value)).toEqual(new TypedText(sqlType, text));
  });

  it('binds a number as a timestamp', () => {
    const expected = new TypedText('TIMESTAMP', '1969-12-31T23:59:59.500000');
    expect(read({ type: 'number', format: 'timestamp' }, -0.5)).toEqual(expected);
  });

  it('binds dates inside lists and objects as well', () => {
    const day = { type: 'string', format: 'date' } as const;
    expect(read({ type: 'array', items: { type: 'object', properties: { day } } }, [{ day: '2024-01-01' }])).toEqual([
      { day: new TypedText('DATE', '2024-01-01') },
    ]);
  });

  it.each([
    [{ type: 'integer' }, 1.5, '"x" must be a whole number, not 1.5'],
    [{ type: 'integer' }, true, '"x" must be a whole number, not true'],
    [{ type: 'integer' }, 'many', '"x" must be a whole number, not "many"'],
    [{ type: 'integer' }, '9007199254740993.5', '"x" must be a whole number, not "9007199254740993.5"'],
    [{ type: 'integer' }, '1e999999999', '"x" must be a whole number, not "1e999999999"'],
    [
      { type: 'integer' },
      '170141183460469231731687303715884105728',
      '"x" must be at most 170141183460469231731687303715884105727, not "170141183460469231731687303715884105728"',
    ],
    [{ type: 'integer', maximum: 10 }, '9007199254740993', '"x" must be at most 10, not "9007199254740993"'],
    [{ type: 'integer', exclusiveMinimum: 9007199254740992 }, 1, '"x" must be more than 9007199254740992, not 1'],
    [{ type: 'integer', multipleOf: 2 }, '9007199254740993', '"x" must be a multiple of 2, not "9007199254740993"'],
    [
      { type: 'integer', enum: ['9007199254740993', 5] },
      '9007199254740992',
      '"x" must be one of "9007199254740993", 5, not "9007199254740992"',
    ],
    [{ type: 'integer' }, 2 ** 53, LOST_DIGITS],
    [{ type: 'integer', enum: [1] }, -(2 ** 53), `"x" must be one of 1, not -9007199254740992; ${LOST_DIGITS}`],
    [{ type: 'string' }, 2 ** 53, LOST_DIGITS],
    [{ type: 'array', items: { type: 'integer' } }, '[9007199254740993]', LOST_DIGITS.replace('x', 'x[0]')],
    [{ type: 'boolean' }, 'maybe', '"x" must be true or false, not "maybe"'],
    [{ type: 'array' }, 'a, b', '"x" must be a list, but "a, b" is not valid JSON, such as ["a", "b"]'],
    [{ type: 'array' }, '[1, 2', '"x" must be a list, but "[1, 2" is not valid JSON, such as ["a", "b"]'],
    [{ type: 'array' }, '5', '"x" must be a list, not "5"'],
    [{ type: 'object' }, '{a: 1}', '"x" must be an object, but "{a: 1}" is not valid JSON, such as {"a": 1}'],
    [{ type: 'string' }, null, '"x" must be text, not null'],
    [{ type: 'string', enum: ['a', 'b'] }, 'c', '"x" must be one of "a", "b", not "c"'],
    [{ type: 'string', enum: ['a', 'b'], default: null }, 'c', '"x" must be one of "a", "b", not "c"'],
    [{ type: 'string', minLength: 3 }, 'ab', '"x" must not have fewer than 3 characters, not "ab"'],
    [{ type: 'number', minimum: 1 }, 0, '"x" must be at least 1, not 0'],
    [{ type: 'number', maximum: 3 }, 4, '"x" must be at most 3, not 4'],
    [{ type: 'number', exclusiveMinimum: 0 }, 0, '"x" must be more than 0, not 0'],
    [{ type: 'number', exclusiveMaximum: 3 }, 3, '"x" must be less than 3, not 3'],
    [{ type: 'number', multipleOf: 5 }, 7, '"x" must be a multiple of 5, not 7'],
    [{ type: 'number', multipleOf: 0.01 }, 19.995, '"x" must be a multiple of 0.01, not 19.995'],
    [{ type: 'number', multipleOf: 0.1 }, 0.1 + 0.2, '"x" must be a multiple of 0.1, not 0.30000000000000004'],
    [{ type: 'array', uniqueItems: true }, [1, 2, 1], '"x" must not have equal items'],
    [
      { type: 'array', uniqueItems: true },
      [
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ],
      '"x" must not have equal items',
    ],
    [{ type: 'array', items: { type: 'integer' } }, [1, 'b'], '"x[1]" must be a whole number, not "b"'],
    [{ type: 'object', required: ['a'] }, {}, '"x.a" is required'],
    [
      { type: 'object', properties: { name: { type: 'string' } }, additionalProperties: false },
      { nmae: 1 },
      '"x.nmae" is not known; did you mean "name"?',
    ],
    [{ type: 'string', format: 'date' }, '2023-02-29', '"x" must be a date (YYYY-MM-DD), not "2023-02-29"'],
    [
      { type: 'number', format: 'timestamp' },
      1e300,
      '"x" must be a number of seconds since 1970-01-01, from year 0 to 9999, not 1e+300',
    ],
    [
      { type: 'integer', format: 'timestamp' },
      '9007199254740993',
      '"x" must be a number of seconds since 1970-01-01, from year 0 to 9999, not "9007199254740993"',
    ],
    [
      { type: 'string', format: 'timestamp' },
      '-1e300',
      '"x" must be a number of seconds since 1970-01-01, from year 0 to 9999, not "-1e300"',
    ],
    [{ type: 'string', format: 'email' }, 'a@b', '"x" must be an email address, not "a@b"'],
    [{ type: 'string', pattern: '^a' }, 'b', '"x" must match the pattern ^a, not "b"'],
  ] as const)('refuses for %j the value %j', (parameter, value, message) => {
    expect(refusal(parameter, value)).toBe(message);
  });

  it('refuses a long text as a number without delay', () => {
    expect(() => read({ type: 'number' }, `${'1'.repeat(100_000)}x`)).toThrow('"x" must be a number');
  });

  it('takes null for an optional parameter as left out', () => {
    expect(read({ type: 'integer', default: 3 }, null)).toBe(3);
    expect(read({ type: 'integer', default: null }, null)).toBeNull();
    expect(read({ type: 'integer', default: '4' }, undefined)).toBe(4);
  });

  it('takes null for an optional member as left out, and fills in defaults of members', () => {
    const member = { type: 'integer', default: '4' } as const;
    const properties = { a: member, b: { type: 'string' }, c: { ...member, default: null } } as const;
    const object = { type: 'object', properties } as const;
    expect(read(object, {})).toEqual({ a: 4, c: null });
    expect(read(object, { a: null, b: null, c: 5, d: null })).toEqual({ a: 4, c: 5, d: null });
    expect(read({ type: 'array', items: object }, [{ a: 1 }])).toEqual([{ a: 1, c: null }]);
    expect(read({ ...object, default: {} }, null)).toEqual({ a: 4, c: null });
    expect(refusal({ ...object, required: ['b'] }, { b: null })).toBe('"x.b" must be text, not null');
  });

  it('is not fooled by names that every object has', () => {
    expect(() => reader().read(JSON.parse('{"__proto__": 1, "constructor": 2}'))).toThrow('"constructor" is not known');
    expect(read({ type: 'object' }, JSON.parse('{"toString": 1}'))).toEqual({ toString: 1 });
    const properties = { toString: { type: 'string' }, limit: { type: 'integer' } } as const;
    expect(read({ type: 'object', properties }, { limit: 3 })).toEqual({ limit: 3 });
    expect(() => reader({ name: 'constructor', type: 'string' }).read({})).toThrow('"constructor" is required');
    expect(reader({ name: 'valueOf', type: 'string', default: null }).read({}).values).toEqual({ valueOf: null });
  });

  describe('of a size that would hold up the server', () => {
    const MANY = 'invalid arguments for tool "t": they have more than 10,000 members and items; send fewer at a time';
    const list = { type: 'array' } as const;
    const objects = { type: 'array', items: { type: 'object', properties: { a: list, b: list, c: list } } } as const;

    it.each([
      ['a long list', list, Array.from({ length: 10_001 }, (_, at) => at)],
      ['a long list as text', list, JSON.stringify(Array.from({ length: 10_001 }, (_, at) => at))],
      ['a very long list as text', list, `[${'1,'.repeat(500_000)}1]`],
      [
        'many members',
        { type: 'object' },
        Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`k${at}`, 1])),
      ],
      ['members over all objects', list, Array.from({ length: 3400 }, () => ({ a: 1, b: 2 }))],
      ['declared members that were not sent', objects, Array.from({ length: 2600 }, () => ({}))],
    ] as const)('are refused: %s', (_, type, value) => {
      expect(() => read(type, value)).toThrow(MANY);
    });

    it('are refused by their depth', () => {
      const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
      expect(read(list, JSON.parse(nested(64)))).toEqual(JSON.parse(nested(64)));
      expect(refusal(list, JSON.parse(nested(65)))).toBe('"x" is nested more than 64 levels deep');
      expect(refusal(list, nested(65))).toBe(
        `"${'['.repeat(65)}${']'.repeat(15)}…" is nested more than 64 levels deep`,
      );
      expect(refusal({ type: 'object' }, JSON.parse('{"a":'.repeat(5000) + '1' + '}'.repeat(5000)))).toContain(
        '"x" is nested',
      );
    });

    it('are taken up to the limit, whatever their texts contain', () => {
      expect(
        read(
          list,
          Array.from({ length: 9_998 }, () => 1),
        ),
      ).toHaveLength(9_998);
      const commas = `\\",["${','.repeat(200_000)}`;
      expect(read(list, JSON.stringify([commas, commas]))).toEqual([commas, commas]);
    });

    it('have errors of at most 2 KB', () => {
      const wrong = refusal(
        { type: 'array', items: { type: 'integer' } },
        Array.from({ length: 9_990 }, () => 'x'),
      );
      expect(wrong).toMatch(/^"x\[0\]" must be a whole number, not "x"; .*; and 9,980 more$/);
      const long = 'ä'.repeat(1_000_000);
      const unknown = refusal(
        { type: 'object', properties: {}, additionalProperties: false },
        { [long]: 1, [`${long}2`]: 2 },
      );
      expect(unknown).toMatch(/^"x\.ä+…; "x\.ä+…$/);
      for (const each of [wrong, unknown, refusal({ type: 'integer' }, '😀'.repeat(1_000_000))])
        expect(Buffer.byteLength(each)).toBeLessThan(2048);
    });

    it('compare equal items in linear time', () => {
      const items = Array.from({ length: 4_900 }, (_, at) => ({ at }));
      expect(read({ type: 'array', uniqueItems: true }, items)).toHaveLength(4_900);
    });
  });

  it('advertises every constraint', () => {
    const inputSchema = toInputSchema([
      { name: 'day', type: 'string', format: 'date', description: 'A day.', examples: ['2024-01-01'] },
      { name: 'limit', type: 'integer', default: 10, minimum: 1, maximum: 100 },
      { name: 'tag', type: 'string', default: null, enum: ['a'] },
    ]);
    expect(inputSchema).toEqual({
      type: 'object',
      properties: {
        day: { type: 'string', format: 'date', description: 'A day.', examples: ['2024-01-01'] },
        limit: { type: 'integer', minimum: 1, maximum: 100, default: 10 },
        tag: { type: 'string', enum: ['a'] },
      },
      required: ['day'],
      additionalProperties: false,
    });
  });

  it('advertises text for a whole number only where the declaration names one that needs it', () => {
    const plain = { type: 'integer', minimum: 1, examples: [5] } as const;
    expect(toInputSchema([{ name: 'x', ...plain }])['properties']).toEqual({ x: plain });
    const schemaOf = (type: TypeDefinition) => toInputSchema([{ ...type, name: 'x' }])['properties'];
    expect([
      schemaOf({ type: 'integer', minimum: 1, examples: [5, '9007199254740993'] }),
      schemaOf({ type: 'integer', default: '-9007199254740993' }),
      schemaOf({ type: 'integer', enum: [1, '9007199254740993', null] }),
      schemaOf({ type: 'integer', maximum: 2 ** 63, description: 'An id.' }),
      schemaOf({ type: 'number', examples: ['9007199254740993'] }),
    ]).toEqual([
      { x: { type: 'string', examples: ['5', '9007199254740993'] } },
      { x: { type: 'string', default: '-9007199254740993' } },
      { x: { type: 'string', enum: ['1', '9007199254740993'] } },
      { x: { type: 'string', description: 'An id.' } },
      { x: { type: 'string', examples: ['9007199254740993'] } },
    ]);
  });
});
