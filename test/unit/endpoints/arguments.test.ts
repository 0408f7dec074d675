import { describe, expect, it } from 'vitest';
import type { ParameterDefinition } from '../../../src/endpoints/definitions/definition-schema.js';
import { ArgumentReader } from '../../../src/endpoints/values/argument-reader.js';
import { SchemaCompiler } from '../../../src/endpoints/values/schema-compiler.js';
import { TypedText } from '../../../src/runtime/index.js';

function reader(...parameters: ParameterDefinition[]) {
  return new ArgumentReader('tool "t"', parameters, new SchemaCompiler());
}

function read(parameter: Omit<ParameterDefinition, 'name'>, value: unknown): unknown {
  return reader({ name: 'x', ...parameter }).read({ x: value }).bindings['x'];
}

function refusal(parameter: Omit<ParameterDefinition, 'name'>, value: unknown): string {
  try {
    return `accepted ${JSON.stringify(read(parameter, value))}`;
  } catch (error) {
    return error instanceof Error
      ? error.message.replace('invalid arguments for tool "t": ', '')
      : String(error);
  }
}

describe('reading arguments', () => {
  it.each([
    ['a number for text', { type: 'string' }, 42, '42'],
    ['a boolean for text', { type: 'string' }, true, 'true'],
    ['numeric text for a number', { type: 'number' }, ' 1.5e3 ', 1500],
    ['numeric text for a whole number', { type: 'integer' }, '-7', -7],
    ['a whole number for a number', { type: 'number' }, 3, 3],
    ['"TRUE" for a boolean', { type: 'boolean' }, 'TRUE', true],
    ['JSON text for a list', { type: 'array', items: { type: 'integer' } }, '[1, "2"]', [1, 2]],
    [
      'JSON text for an object',
      { type: 'object', properties: { a: { type: 'string' } } },
      '{"a": 1}',
      { a: '1' },
    ],
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

  it('binds dates inside lists and objects as well', () => {
    const day = { type: 'string', format: 'date' } as const;
    expect(
      read({ type: 'array', items: { type: 'object', properties: { day } } }, [{ day: '2024-01-01' }]),
    ).toEqual([{ day: new TypedText('DATE', '2024-01-01') }]);
  });

  it.each([
    [{ type: 'integer' }, 1.5, '"x" must be a whole number, not 1.5'],
    [{ type: 'integer' }, '12345678901234567890', '"x" must be a whole number, not "12345678901234567890"'],
    [{ type: 'boolean' }, 'maybe', '"x" must be true or false, not "maybe"'],
    [{ type: 'array' }, 'a, b', '"x" must be a list, not "a, b"'],
    [{ type: 'string' }, null, '"x" must be text, not null'],
    [{ type: 'string', enum: ['a', 'b'] }, 'c', '"x" must be one of "a", "b", not "c"'],
    [{ type: 'string', minLength: 3 }, 'ab', '"x" must not have fewer than 3 characters, not "ab"'],
    [{ type: 'number', exclusiveMinimum: 0 }, 0, '"x" must be > 0, not 0'],
    [{ type: 'number', multipleOf: 5 }, 7, '"x" must be multiple of 5, not 7'],
    [
      { type: 'array', uniqueItems: true },
      [1, 1],
      '"x" must not have duplicate items (items ## 0 and 1 are identical)',
    ],
    [{ type: 'array', items: { type: 'integer' } }, [1, 'b'], '"x[1]" must be a whole number, not "b"'],
    [{ type: 'object', required: ['a'] }, {}, '"x.a" is required'],
    [
      { type: 'object', properties: { name: { type: 'string' } }, additionalProperties: false },
      { nmae: 1 },
      '"x.nmae" is not known; did you mean "name"?',
    ],
    [{ type: 'string', format: 'date' }, '2023-02-29', '"x" must be a date (YYYY-MM-DD), not "2023-02-29"'],
    [{ type: 'string', format: 'email' }, 'a@b', '"x" must be an email address, not "a@b"'],
    [{ type: 'string', pattern: '^a' }, 'b', '"x" must match the pattern ^a, not "b"'],
  ] as const)('refuses for %j the value %j', (parameter, value, message) => {
    expect(refusal(parameter, value)).toBe(message);
  });

  it('takes null for an optional parameter as left out', () => {
    expect(read({ type: 'integer', default: 3 }, null)).toBe(3);
    expect(read({ type: 'integer', default: null }, null)).toBeNull();
    expect(reader({ name: 'x', type: 'integer', default: '4' }).read({}).bindings).toEqual({ x: 4 });
  });

  it('is not fooled by names that every object has', () => {
    expect(() => reader().read(JSON.parse('{"__proto__": 1, "constructor": 2}'))).toThrow(
      '"constructor" is not known',
    );
    expect(read({ type: 'object' }, JSON.parse('{"toString": 1}'))).toEqual({ toString: 1 });
  });

  it('advertises every constraint', () => {
    const { inputSchema } = reader(
      { name: 'day', type: 'string', format: 'date', description: 'A day.', examples: ['2024-01-01'] },
      { name: 'limit', type: 'integer', default: 10, minimum: 1, maximum: 100 },
      { name: 'tag', type: 'string', default: null, enum: ['a'] },
    );
    expect(inputSchema).toEqual({
      type: 'object',
      properties: {
        day: { type: 'string', format: 'date', description: 'A day.', examples: ['2024-01-01'] },
        limit: { type: 'integer', minimum: 1, maximum: 100, default: 10 },
        tag: { type: ['string', 'null'], enum: ['a', null], default: null },
      },
      required: ['day'],
      additionalProperties: false,
    });
  });
});
