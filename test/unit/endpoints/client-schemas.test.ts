import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/duckdb/index.js';
import { explainUnportable, toInputSchema, toOutputSchema } from '../../../src/values/json-schema.js';
import type { TypeDefinition } from '../../../src/values/index.js';

const PATTERNS = ['^[a-z]+$', String.raw`^[\w-.]+$`, String.raw`^https\:\/\/`, String.raw`\_`, 'x{,3}', ']', '{'];

/** Any declared type that `mxcp validate` accepts, without regard to what values it has. */
const types: fc.Arbitrary<TypeDefinition> = fc.letrec<{ type: TypeDefinition }>((tie) => ({
  type: fc.oneof(
    { maxDepth: 3 },
    fc.record(
      {
        type: fc.constantFrom('string', 'number', 'integer', 'boolean'),
        format: fc.constantFrom('email', 'uri', 'date', 'time', 'date-time', 'duration', 'timestamp'),
        pattern: fc.constantFrom(...PATTERNS),
        default: fc.constantFrom(null, 1, '9007199254740993', 'a'),
        enum: fc.constantFrom([1, null], [null], ['9007199254740993', 2], ['a']),
        examples: fc.constantFrom([null], ['a', 1]),
        maximum: fc.constantFrom(1, 2 ** 63),
        description: fc.constant('A value.'),
      },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      { type: fc.constant('array'), items: tie('type'), default: fc.constant(null) },
      { requiredKeys: ['type'] },
    ),
    fc.record(
      {
        type: fc.constant('object'),
        properties: fc.dictionary(fc.constantFrom('a', 'b'), tie('type')),
        required: fc.constantFrom([], ['a']),
      },
      { requiredKeys: ['type'] },
    ),
  ),
})).type;

/** What the strictest clients refuse, found anywhere in a schema. */
function complaints(schema: JsonValue | undefined, isInput: boolean): string[] {
  const { type, anyOf, items, properties, pattern, format, required, ...rest } = schema as JsonObject;
  const found: string[] = [];
  if (typeof type !== 'string' && (isInput || !Array.isArray(anyOf))) found.push(`type ${JSON.stringify(type)}`);
  if (type === 'array' && items === undefined) found.push('no items');
  if (typeof pattern === 'string' && explainUnportable(pattern) !== undefined) found.push(`pattern ${pattern}`);
  if (format === 'uri' || format === 'timestamp') found.push(`format ${String(format)}`);
  if (Array.isArray(required) && required.length === 0) found.push('empty required');
  for (const key of ['enum', 'examples'] as const) {
    const values = rest[key];
    if (!Array.isArray(values)) continue;
    if (values.length === 0 || values.includes(null)) found.push(`${key} ${JSON.stringify(values)}`);
  }
  if (rest['default'] === null) found.push('default null');
  const inner = [...(Array.isArray(anyOf) ? anyOf : []), ...Object.values((properties ?? {}) as JsonObject)];
  if (items !== undefined && Object.keys(items as JsonObject).length > 0) inner.push(items);
  return [...found, ...inner.flatMap((each) => complaints(each, isInput))];
}

describe('what clients get of a declared type', () => {
  it('is an input schema that the strictest of them read', () => {
    fc.assert(
      fc.property(types, (type) => {
        expect(complaints(toInputSchema([{ ...type, name: 'x' }]), true)).toEqual([]);
      }),
    );
  });

  it('is an output schema that the strictest of them read and compile', () => {
    fc.assert(
      fc.property(types, (type) => {
        const schema = toOutputSchema(type);
        expect(complaints(schema, false)).toEqual([]);
        const ajv = new Ajv2020({ strict: false, formats: { timestamp: true } });
        ajvFormats.default(ajv);
        ajv.compile(schema);
      }),
      { numRuns: 50 },
    );
  });

  it('says in words what a format means that they do not know', () => {
    const moment = { name: 'at', type: 'integer', format: 'timestamp', description: 'When it happened.' } as const;
    expect(toInputSchema([moment])['properties']).toEqual({
      at: { type: 'integer', description: 'When it happened. Seconds since 1970-01-01 in UTC.' },
    });
    expect(toInputSchema([{ name: 'at', type: 'string', format: 'timestamp' }])['properties']).toEqual({
      at: { type: 'string', description: 'Seconds since 1970-01-01 in UTC.' },
    });
  });

  it.each([
    ['^[a-z]{2,3}(?:-[A-Z]+)?$', undefined],
    [String.raw`^[\w\-.]+$`, undefined],
    [String.raw`^\d{4}\/\d\d$`, undefined],
    [String.raw`^\\p[a\[]?$`, undefined],
    [String.raw`^[\w-.]+$`, 'is not valid in the Unicode mode of JavaScript (Invalid character class)'],
    [String.raw`^https\:`, 'is not valid in the Unicode mode of JavaScript (Invalid escape)'],
    ['x{,3}', 'is not valid in the Unicode mode of JavaScript (Incomplete quantifier)'],
    [String.raw`^\p{L}+$`, String.raw`has ${'`'}\p${'`'}, which some clients cannot compile`],
    ['(?<year>[0-9]+)', 'has `(?<`, which some clients cannot compile'],
    [String.raw`(a)\1`, String.raw`has ${'`'}\1${'`'}, which some clients cannot compile`],
  ])('includes of the pattern %s what is portable', (pattern, reason) => {
    expect(explainUnportable(pattern)).toBe(reason);
  });
});
