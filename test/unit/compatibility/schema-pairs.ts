import * as fc from 'fast-check';
import type { JsonObject, JsonValue } from '../../../src/duckdb/index.js';

const STRINGS = ['', 'a', 'b', 'ab', 'abc', '2024-01-02'];
const NUMBERS = [-2, -1, 0, 0.5, 1, 2, 3, 4, 6, 10];
/** Not `toString`, which Ajv calls to compare the items of a list (8.20.0). */
const INHERITED = 'isPrototypeOf';
const optional = <T>(...values: T[]) => fc.constantFrom(...values);

const string = fc.record(
  {
    type: fc.constant('string'),
    minLength: optional(1, 2),
    maxLength: optional(2, 3),
    pattern: optional('^a', 'b$'),
    format: optional('date', 'email'),
    enum: fc.subarray(STRINGS, { minLength: 1 }),
  },
  { requiredKeys: ['type'], noNullPrototype: true },
);
const number = fc.record(
  {
    type: optional('integer', 'number'),
    minimum: optional(-1, 0, 1),
    exclusiveMaximum: optional(3, 5),
    multipleOf: optional(2, 3, 4),
    enum: fc.subarray([0, 1, 2, 3, 4, 6], { minLength: 1 }),
  },
  { requiredKeys: ['type'], noNullPrototype: true },
);
const boolean = fc.record(
  { type: fc.constant('boolean'), enum: fc.constant([true]) },
  { requiredKeys: ['type'], noNullPrototype: true },
);
const anything = fc.constant({});

/** A schema of the forms that clients get, and some that only other implementations write. */
export const schemas: fc.Arbitrary<JsonObject> = fc.letrec<{ schema: JsonObject }>((tie) => {
  const array = fc.record(
    {
      type: fc.constant('array'),
      items: tie('schema'),
      minItems: optional(1, 2),
      maxItems: optional(2, 3),
      uniqueItems: fc.constant(true),
    },
    { requiredKeys: ['type', 'items'], noNullPrototype: true },
  );
  const object = fc.record(
    {
      type: fc.constant('object'),
      properties: fc.dictionary(fc.constantFrom('a', 'b', INHERITED), tie('schema'), { noNullPrototype: true }),
      required: fc.subarray(['a', 'b'], { minLength: 1 }),
      additionalProperties: fc.oneof(fc.constantFrom(true, false), tie('schema')),
      minProperties: fc.constant(1),
    },
    { requiredKeys: ['type'], noNullPrototype: true },
  );
  const union = fc.record(
    { anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }), description: fc.constant('x') },
    { noNullPrototype: true },
  );
  return { schema: fc.oneof({ maxDepth: 3 }, string, number, boolean, anything, array, object, union) };
}).schema;

/** Choices that fast-check makes and shrinks. */
export type Pick = (below: number) => number;
const choices = fc.array(fc.nat(999), { minLength: 40, maxLength: 40 });

function toPick(numbers: readonly number[]): Pick {
  let index = 0;
  return (below) => {
    index += 1;
    return ((numbers[index % numbers.length] ?? 0) + index) % below;
  };
}

export const picks = choices.map(toPick);

/** A schema, and a second one that differs from it in few places. */
export const similarSchemas = fc
  .tuple(schemas, schemas, picks)
  .map(([from, other, pick]): [JsonObject, JsonObject] => [from, mix(from, other, pick)]);

/** What a schema takes over from the other one may have members again, and so on; this ends it. */
const MOST_LEVELS = 6;

function mix(from: JsonObject, other: JsonObject, pick: Pick, level = 0): JsonObject {
  if (level === MOST_LEVELS) return from;
  if (from['type'] !== other['type'] && pick(4) > 0) return mixWithin(from, other, pick, level);
  const keys = [...new Set([...Object.keys(from), ...Object.keys(other)])];
  const chosen = keys.flatMap((key) => {
    const source = pick(6) === 0 ? other : from;
    const value = source[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  return mixWithin(Object.fromEntries(chosen), other, pick, level);
}

function mixWithin(schema: JsonObject, other: JsonObject, pick: Pick, level: number): JsonObject {
  const { items, properties } = schema;
  return {
    ...schema,
    ...(items === undefined ? {} : { items: mix(items as JsonObject, other, pick, level + 1) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties as JsonObject).map(([name, each]) => [
              name,
              mix(each as JsonObject, other, pick, level + 1),
            ]),
          ),
        }),
  };
}

/** A value that a schema probably accepts. */
export function sample(schema: JsonValue | undefined, pick: Pick, depth = 0): JsonValue {
  const { type, anyOf, enum: values, items, properties, required, additionalProperties } = (schema ?? {}) as JsonObject;
  const oneOf = <T>(list: readonly T[]): T | undefined => list[pick(list.length)];
  if (Array.isArray(anyOf)) return sample(oneOf(anyOf), pick, depth);
  if (Array.isArray(values)) return oneOf(values) ?? null;
  const declared = (properties ?? {}) as JsonObject;
  switch (type) {
    case 'string':
      return oneOf(STRINGS) ?? '';
    case 'integer':
    case 'number':
      return oneOf(NUMBERS) ?? 0;
    case 'boolean':
      return pick(2) === 0;
    case 'array':
      return Array.from({ length: pick(4) }, () => sample(items, pick, depth + 1));
    case 'object': {
      const names = [...new Set([...Object.keys(declared), ...((required ?? []) as string[]), 'b', 'z'])];
      const wanted = names.filter((name) => pick(3) > 0 || ((required ?? []) as string[]).includes(name));
      return Object.fromEntries(
        wanted
          .filter((name) => additionalProperties !== false || Object.hasOwn(declared, name))
          .map((name) => {
            const inner = Object.hasOwn(declared, name) ? declared[name] : additionalProperties;
            return [name, sample(typeof inner === 'object' ? inner : {}, pick, depth + 1)];
          }),
      );
    }
    default: {
      const kind = oneOf(depth > 2 ? ['string', 'number'] : ['string', 'number', 'boolean', 'array', 'object']);
      return pick(8) === 0 ? null : sample({ type: kind ?? 'string' }, pick, depth + 1);
    }
  }
}

/** Every schema that accepts more than this one because a single restriction is gone. */
export function loosened(schema: JsonObject): JsonObject[] {
  const { anyOf: _anyOf, type, items, properties, required } = schema;
  const without = (key: string): JsonObject[] => {
    const { [key]: dropped, ...rest } = schema;
    return dropped === undefined || (key === 'additionalProperties' && dropped !== false) ? [] : [rest];
  };
  const keys = ['minLength', 'maxLength', 'pattern', 'format', 'minimum', 'exclusiveMaximum', 'multipleOf', 'enum'];
  const declared = Object.entries((properties ?? {}) as JsonObject);
  const hasNames = Array.isArray(required);
  return [
    ...[...keys, 'minItems', 'maxItems', 'uniqueItems', 'minProperties'].flatMap(without),
    ...(declared.length > 0 ? [] : without('additionalProperties')),
    ...(type === 'integer' ? [{ ...schema, type: 'number' }] : []),
    ...(hasNames ? required.map((name) => ({ ...schema, required: required.filter((each) => each !== name) })) : []),
    ...(items === undefined ? [] : loosened(items as JsonObject).map((each) => ({ ...schema, items: each }))),
    ...declared.flatMap(([name, inner]) =>
      loosened(inner as JsonObject).map((each) => ({
        ...schema,
        properties: { ...(properties as JsonObject), [name]: each },
      })),
    ),
  ];
}
