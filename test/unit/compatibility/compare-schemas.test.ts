import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareSchemas } from '../../../src/compatibility/compare-schemas.js';
import { breaksClients, describeChange, type Side } from '../../../src/compatibility/schema-changes.js';
import type { JsonObject } from '../../../src/duckdb/index.js';
import { loosened, picks, sample, schemas, similarSchemas } from './schema-pairs.js';

const ajv = new Ajv2020({ strict: false, meta: false, validateSchema: false, ownProperties: true });
ajvFormats.default(ajv, ['date', 'email']);

const breaking = (from: JsonObject, to: JsonObject, side: Side) =>
  compareSchemas(from, to).filter((change) => breaksClients(change, side));

describe('any two schemas', () => {
  it('do not differ if they are the same', () => {
    fc.assert(
      fc.property(schemas, (schema) => {
        expect(compareSchemas(schema, structuredClone(schema))).toEqual([]);
      }),
    );
  });

  it.each<Side>(['input', 'output'])('accept the same values unless the comparison says that the %s breaks', (side) => {
    let compatible = 0;
    const values = fc.array(picks, { minLength: 10, maxLength: 10 });
    fc.assert(
      fc.property(similarSchemas, values, ([from, to], chosen) => {
        if (breaking(from, to, side).length > 0) return;
        // Clients send what the old input takes, and get what the new output allows.
        const [sent, taken] = side === 'input' ? [from, to] : [to, from];
        const [isSent, isTaken] = [ajv.compile(sent), ajv.compile(taken)];
        for (const pick of chosen) {
          const value = sample(sent, pick);
          if (!isSent(value)) continue;
          compatible += 1;
          expect(isTaken(value), `${JSON.stringify(value)}: ${JSON.stringify(isTaken.errors)}`).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
    expect(compatible).toBeGreaterThan(20);
  });

  it('may be loosened in an input, and not be restricted again', () => {
    fc.assert(
      fc.property(schemas, (schema) => {
        for (const loose of loosened(schema)) {
          const hint = `${JSON.stringify(schema)} → ${JSON.stringify(loose)}`;
          expect(
            breaking(schema, loose, 'input').filter(({ code }) => code !== 'keyword:minProperties'),
            hint,
          ).toEqual([]);
          expect(breaking(loose, schema, 'input'), hint).not.toEqual([]);
        }
      }),
    );
  });

  it('have differences that a person can read', () => {
    fc.assert(
      fc.property(similarSchemas, fc.constantFrom<Side>('input', 'output'), ([from, to], side) => {
        for (const change of compareSchemas(from, to)) {
          const text = describeChange(change, side);
          expect(text).toMatch(/^[a-z]/);
          expect(text).not.toMatch(/undefined|\[object|\.$/);
        }
      }),
    );
  });
});

const object = (properties: JsonObject, rest: JsonObject = {}): JsonObject => ({
  type: 'object',
  properties,
  additionalProperties: false,
  ...rest,
});
const nullable = (schema: JsonObject): JsonObject => ({ anyOf: [schema, { type: 'null' }] });

/** `!` before a change that breaks clients. */
const described = (from: JsonObject, to: JsonObject, side: Side) =>
  compareSchemas(from, to).map((change) => `${breaksClients(change, side) ? '! ' : ''}${describeChange(change, side)}`);

describe('the parameters of a tool', () => {
  it.each<[JsonObject, JsonObject, string[]]>([
    [object({}), object({ a: { type: 'string' } }), ['parameter "a" is new and optional']],
    [
      object({}),
      object({ a: { type: 'string' } }, { required: ['a'] }),
      ['! parameter "a" is new and required; calls without it are refused'],
    ],
    [
      object({ a: { type: 'string' } }),
      object({ a: { type: 'string' } }, { required: ['a'] }),
      ['! parameter "a" is required now; calls without it are refused'],
    ],
    [object({ a: {} }, { required: ['a'] }), object({ a: {} }), ['parameter "a" is optional now']],
    [
      object({ a: { type: 'string' } }),
      object({}),
      ['! parameter "a" was removed; calls that give it are refused or do something else'],
    ],
    [
      object({ a: { type: 'string', enum: ['x'] } }),
      object({ b: { type: 'string', enum: ['x'] } }),
      ['! parameter "a" was renamed to "b"; calls with the old name are refused or do something else'],
    ],
    [
      object({ a: { type: 'integer' } }),
      object({ a: { type: 'string' } }),
      ['! parameter "a" has type string instead of integer; calls that were valid may be refused'],
    ],
    [
      object({ a: { type: 'integer' } }),
      object({ a: { type: 'number' } }),
      ['parameter "a" has type number instead of integer'],
    ],
    [
      object({ a: { enum: ['x', 'y'] } }),
      object({ a: { enum: ['x', 'z'] } }),
      ['! parameter "a" can no longer be "y"; calls that were valid may be refused', 'parameter "a" can also be "z"'],
    ],
    [
      object({ a: { type: 'integer', maximum: 10 } }),
      object({ a: { type: 'integer', maximum: 5 } }),
      ['! parameter "a" has `maximum` 5 instead of 10; calls that were valid may be refused'],
    ],
    [object({ a: { type: 'integer', exclusiveMinimum: 0 } }), object({ a: { type: 'integer', minimum: 1 } }), []],
    [
      object({ a: { type: 'number', minimum: 0 } }),
      object({ a: { type: 'number', exclusiveMinimum: 0 } }),
      ['! parameter "a" has `exclusiveMinimum` 0 (exclusive) instead of 0; calls that were valid may be refused'],
    ],
    [
      object({ a: { type: 'string' } }),
      object({ a: { type: 'string', pattern: '^x' } }),
      ['! parameter "a" has `pattern` "^x" now; calls that were valid may be refused'],
    ],
    [
      object({ a: object({ zip: { type: 'string' } }, { additionalProperties: true }) }),
      object({ a: object({ zip: { type: 'string' } }) }),
      ['! parameter "a" accepts no other members any longer; calls that were valid may be refused'],
    ],
    [
      object({ a: { type: 'array', items: { type: 'string' } } }),
      object({ a: { type: 'array', items: { type: 'string', minLength: 2 } } }),
      ['! parameter "a[]" has `minLength` 2 now; calls that were valid may be refused'],
    ],
    [
      object({ a: { type: 'string', description: 'A', default: 'x' } }),
      object({ a: { type: 'string', description: 'B', default: 'y' } }),
      ['the description of parameter "a" changed', 'parameter "a" has `default` "y" instead of "x"'],
    ],
    [
      object({ a: { type: 'file' } }),
      object({ a: { type: 'image' } }),
      ['! parameter "a" has another `type`; calls that were valid may be refused'],
    ],
    [
      object({ a: { type: 'string', oneOf: [{}] } }),
      object({ a: { type: 'string' } }),
      ['! parameter "a" has another `oneOf`; calls that were valid may be refused'],
    ],
  ])('%j → %j', (from, to, expected) => {
    expect(described(from, to, 'input')).toEqual(expected);
  });
});

describe('the result of a tool', () => {
  it.each<[JsonObject, JsonObject, string[]]>([
    [
      { type: 'object', properties: { a: {}, b: {} } },
      { type: 'object', properties: { b: {} } },
      ['! result "a" was removed; clients that read it find nothing'],
    ],
    [
      { type: 'object', properties: {} },
      { type: 'object', properties: { a: { type: 'string' } } },
      ['result "a" is new'],
    ],
    [
      object({}),
      object({ a: { type: 'string' } }),
      ['! result "a" is new; no other member was allowed, so strict clients refuse the result'],
    ],
    [
      object({ a: {} }, { required: ['a'] }),
      object({ a: {} }),
      ['! result "a" may be left out now; clients that read it may find nothing'],
    ],
    [
      object({ a: { type: 'integer' } }),
      object({ a: nullable({ type: 'integer' }) }),
      ['! result "a" may be null now; clients that read it may find nothing'],
    ],
    [
      object({ a: nullable({ type: 'integer' }) }),
      object({ a: nullable({ type: 'number' }) }),
      ['! result "a" has type number instead of integer; clients may get what they do not expect'],
    ],
    [
      object({ a: { enum: ['x'] } }),
      object({ a: { enum: ['x', 'y'] } }),
      ['! result "a" can also be "y"; clients may get what they do not expect'],
    ],
    [object({ a: { enum: ['x', 'y'] } }), object({ a: { enum: ['x'] } }), ['result "a" can no longer be "y"']],
  ])('%j → %j', (from, to, expected) => {
    expect(described(from, to, 'output')).toEqual(expected);
  });
});
