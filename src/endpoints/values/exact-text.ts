import type { TypeDefinition } from '../definitions/definition-schema.js';
import { compareExact, isMultipleOf, parseExact, toWhole, type ExactNumber } from './exact-number.js';

/** Decimal digits that a double always keeps; a number with no more of them is never written as text. */
const DOUBLE_DIGITS = 15;

const BOUNDS = {
  minimum: { sign: '>=', holds: (order: bigint) => order >= 0n },
  maximum: { sign: '<=', holds: (order: bigint) => order <= 0n },
  exclusiveMinimum: { sign: '>', holds: (order: bigint) => order > 0n },
  exclusiveMaximum: { sign: '<', holds: (order: bigint) => order < 0n },
} as const;

const BOUND_NAMES = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;

/** What a declared number asks of one that comes as text. JSON, because it stands in a schema. */
export interface ExactTextRules {
  readonly type: string;
  readonly bounds: readonly (readonly [keyof typeof BOUNDS, string])[];
  readonly multipleOf: string | null;
}

/** What SQL has a type with a sign for. */
const HUGEINT_BOUNDS: ExactTextRules['bounds'] = [
  ['minimum', String(-(2n ** 127n))],
  ['maximum', String(2n ** 127n - 1n)],
];

export function toExactTextRules(type: TypeDefinition, direction: 'input' | 'output'): ExactTextRules {
  const declared = BOUND_NAMES.flatMap((name) => {
    const limit = type[name];
    return limit === undefined ? [] : [[name, String(limit)] as const];
  });
  return {
    type: type.type,
    bounds: direction === 'input' ? [...HUGEINT_BOUNDS, ...declared] : declared,
    multipleOf: type.multipleOf === undefined ? null : String(type.multipleOf),
  };
}

/** In the words of JSON Schema, about the exact value. */
export interface ExactTextMismatch {
  readonly keyword: string;
  readonly message: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** Finds out what about a text does not fit: one that a JSON number could stand for is no number but text. */
export function createExactTextCheck(rules: ExactTextRules): (text: string) => ExactTextMismatch[] {
  const { type } = rules;
  const limits = rules.bounds.map(([name, limit]) => ({ name, limit, exact: parseExact(limit) }));
  const step = rules.multipleOf === null ? undefined : parseExact(rules.multipleOf);
  return (text) => {
    const value = parseExact(text);
    if (value === undefined || !needsText(value, type))
      return [{ keyword: 'type', message: `must be ${type}`, params: { type } }];
    const passed = limits.filter(
      ({ name, exact }) => exact !== undefined && !BOUNDS[name].holds(compareExact(value, exact)),
    );
    const mismatches = passed.map(({ name, limit }) => {
      const comparison = BOUNDS[name].sign;
      return { keyword: name, message: `must be ${comparison} ${limit}`, params: { comparison, limit } };
    });
    if (step === undefined || isMultipleOf(value, step)) return mismatches;
    const { multipleOf } = rules;
    const message = `must be multiple of ${multipleOf}`;
    return [...mismatches, { keyword: 'multipleOf', message, params: { multipleOf } }];
  };
}

function needsText(value: ExactNumber, type: string): boolean {
  const length = String(value.digits < 0n ? -value.digits : value.digits).length;
  return length > DOUBLE_DIGITS && (type === 'number' || toWhole(value) !== undefined);
}
