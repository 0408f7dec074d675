import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RouteContract, ROUTES } from '../../../src/contract/index.js';
import { timestampToMs, timestampToSecond, toWire } from '../../../src/contract/wire-format.js';

describe('an answer made from a value of the program', () => {
  it('has the keys of the schema in snake case, at every depth', () => {
    const schema = z.strictObject({
      used_by: z.array(z.strictObject({ last_used_at: z.string().nullable(), n: z.int() })),
      on_disk: z.strictObject({ a_b_c: z.boolean() }).nullable(),
    });
    expect(toWire(schema, { usedBy: [{ lastUsedAt: null, n: 1 }], onDisk: { aBC: true } })).toEqual({
      used_by: [{ last_used_at: null, n: 1 }],
      on_disk: { a_b_c: true },
    });
    expect(toWire(schema, { usedBy: [], onDisk: null })).toEqual({ used_by: [], on_disk: null });
  });

  it('has times to the second or to the millisecond, as the schema says', () => {
    const schema = z.strictObject({ at: timestampToSecond, exactly_at: timestampToMs.nullable() });
    const time = new Date('2024-01-15T10:30:00.987Z');
    expect(toWire(schema, { at: time, exactlyAt: time })).toEqual({
      at: '2024-01-15T10:30:00Z',
      exactly_at: '2024-01-15T10:30:00.987Z',
    });
  });

  it('leaves out what the schema does not name', () => {
    const schema = z.strictObject({ shown: z.array(z.strictObject({ name: z.string() })) });
    const value = { shown: [{ name: 'a', secret: 'hunter2' }], token: 'hunter2' };
    expect(toWire(schema, value)).toEqual({ shown: [{ name: 'a' }] });
  });

  it('keeps the keys of records and the inside of values of any shape', () => {
    const schema = z.strictObject({
      by_name: z.record(z.string(), z.strictObject({ is_on: z.boolean() })),
      any: z.unknown(),
    });
    expect(toWire(schema, { byName: { someName: { isOn: true } }, any: { someKey: 1 } })).toEqual({
      by_name: { someName: { is_on: true } },
      any: { someKey: 1 },
    });
  });

  it('has null for a value of any shape that is absent, and no key for an optional one', () => {
    const schema = z.strictObject({ on_disk: z.unknown(), detail: z.string().optional() });
    expect(toWire(schema, { onDisk: undefined })).toEqual({ on_disk: null });
  });
});

const answers = Object.entries<RouteContract>(ROUTES).flatMap(([name, { responses }]) =>
  Object.entries(responses).map(([status, { schema }]) => [`${name} ${status}`, schema] as const),
);

describe('any value that the type of an answer allows', () => {
  it.each(answers)('becomes an answer of %s, without what the value holds besides', (_name, schema) => {
    fc.assert(
      fc.property(valueOf(schema), (value) => {
        const answer: unknown = toWire(schema, value);
        expect(schema.safeParse(answer).error?.message).toBeUndefined();
        expect(JSON.stringify(answer)).not.toContain('hunter2');
      }),
      { numRuns: 30 },
    );
  });
});

/** Values of the program for a schema, each object with a field that the schema does not name. */
function valueOf(schema: z.core.$ZodType): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodNullable) return fc.option(valueOf(schema.unwrap()), { nil: null });
  if (schema instanceof z.ZodOptional) return fc.option(valueOf(schema.unwrap()), { nil: undefined });
  if (schema instanceof z.ZodCodec) {
    return fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
  }
  if (schema instanceof z.ZodArray) return fc.array(valueOf(schema.element), { maxLength: 3 });
  if (schema instanceof z.ZodObject) {
    const fields = Object.entries(schema.shape).map(([key, field]) => [inCamelCase(key), valueOf(field)]);
    return fc.record({ ...Object.fromEntries(fields), notNamed: fc.constant('hunter2') });
  }
  if (schema instanceof z.ZodRecord) return fc.dictionary(fc.string(), valueOf(schema.valueType));
  if (schema instanceof z.ZodLiteral) return fc.constantFrom(...schema.values);
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...schema.options);
  if (schema instanceof z.ZodBoolean) return fc.boolean();
  if (schema instanceof z.ZodUUID) return fc.uuid();
  if (schema instanceof z.ZodNumber) return fc.nat();
  if (schema instanceof z.ZodString) return fc.string().filter((text) => !text.includes('hunter2'));
  if (schema instanceof z.ZodUnknown) return fc.jsonValue();
  if (schema instanceof z.ZodNull) return fc.constant(null);
  throw new Error('no values for a schema of this type');
}

function inCamelCase(key: string): string {
  const [first = '', ...rest] = key.split('_');
  return first + rest.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1)).join('');
}
