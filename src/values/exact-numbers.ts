import { _, type Ajv2020, type FuncKeywordDefinition, type KeywordDefinition } from 'ajv/dist/2020.js';
import type { TypeDefinition } from './type-definition.js';

/** A decimal number without loss: `digits` divided by 10 to the power of `scale`. */
export interface ExactNumber {
  readonly digits: bigint;
  /** Never negative. */
  readonly scale: number;
}

/** No way to match a part in two ways: the text comes from a caller and may be long. */
const DECIMAL = /^\s*([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?\s*$/;
/** Reading digits takes longer than their number grows; nothing that SQL holds comes near this. */
const MAX_LENGTH = 10_000;

/** Undefined when the text is not a decimal number. */
export function parseExact(text: string): ExactNumber | undefined {
  const match = text.length > MAX_LENGTH ? null : DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match;
  if (whole === '' && fraction === '') return undefined;
  const magnitude = BigInt(whole + fraction);
  const digits = sign === '-' ? -magnitude : magnitude;
  const scale = fraction.length - Number(exponent);
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/** Negative, zero or positive, as the first is smaller, equal or larger. */
export function compareExact(a: ExactNumber, b: ExactNumber): bigint {
  const scale = Math.max(a.scale, b.scale);
  return digitsAt(a, scale) - digitsAt(b, scale);
}

export function isMultipleOf(value: ExactNumber, step: ExactNumber): boolean {
  const scale = Math.max(value.scale, step.scale);
  return digitsAt(value, scale) % digitsAt(step, scale) === 0n;
}

/**
 * Tells of doubles whether they are multiples of this one, both taken as the decimals that they are written as; or by
 * division, because 7 * 0.1 was computed where it is 0.7000000000000001. Whole numbers, most of all there are, need no more
 * than a division.
 */
export function createMultipleCheck(step: number): (value: number) => boolean {
  const exactStep = parseExact(String(step));
  return (value) => {
    if (Number.isSafeInteger(value) && Number.isSafeInteger(step)) return value % step === 0;
    if (Number.isInteger(value / step)) return true;
    const exact = parseExact(String(value));
    return exact !== undefined && exactStep !== undefined && isMultipleOf(exact, exactStep);
  };
}

/** Undefined when there is a fraction. */
export function toWhole({ digits, scale }: ExactNumber): bigint | undefined {
  const unit = 10n ** BigInt(scale);
  return digits % unit === 0n ? digits / unit : undefined;
}

function digitsAt({ digits, scale }: ExactNumber, wanted: number): bigint {
  return digits * 10n ** BigInt(wanted - scale);
}

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

/** A number that comes as text, as results write those that a double cannot hold. */
const exactText: FuncKeywordDefinition = {
  keyword: 'exactText',
  type: 'string',
  schemaType: 'object',
  compile: (rules: ExactTextRules) => {
    const findMismatches = createExactTextCheck(rules);
    const validate: ReturnType<NonNullable<FuncKeywordDefinition['compile']>> = (text: string) => {
      const mismatches = findMismatches(text);
      validate.errors = mismatches;
      return mismatches.length === 0;
    };
    return validate;
  },
};

/** Refuses a JSON number that may have been another one before it was parsed. Inlined: every whole number passes it. */
const keptDigits: KeywordDefinition = {
  keyword: 'keptDigits',
  type: 'number',
  schemaType: 'boolean',
  code: (context) => {
    const { data } = context;
    context.fail(_`${data} > ${Number.MAX_SAFE_INTEGER} || ${data} < ${Number.MIN_SAFE_INTEGER}`);
  },
  error: { message: 'may have lost digits' },
};

/** Takes the place of Ajv's own, which divides doubles and finds that 19.99 is no multiple of 0.01. */
const multipleOf: KeywordDefinition = {
  keyword: 'multipleOf',
  type: 'number',
  schemaType: 'number',
  code: (context) => {
    const { gen, data, schema } = context;
    const isMultiple = gen.scopeValue('func', { ref: createMultipleCheck(Number(schema)) });
    context.fail(_`!${isMultiple}(${data})`);
  },
  error: {
    message: ({ schema }) => `must be multiple of ${String(schema)}`,
    params: ({ schema }) => _`{multipleOf: ${schema}}`,
  },
};

/** The format `timestamp` of declared numbers: in JSON Schema, formats are of text alone. */
const epochSeconds: KeywordDefinition = {
  keyword: 'epochSeconds',
  type: ['number', 'string'],
  schemaType: 'boolean',
  code: (context) => {
    const { gen, data } = context;
    const toText = gen.scopeValue('func', { ref: epochSecondsToText });
    context.fail(_`${toText}(Number(${data})) === undefined`);
  },
  error: { message: 'is not a time of a calendar' },
};

/** Adds what checks know of numbers beyond JSON Schema. */
export function addNumberKeywords(ajv: Ajv2020): void {
  ajv.removeKeyword('multipleOf');
  for (const keyword of [multipleOf, keptDigits, exactText, epochSeconds]) ajv.addKeyword(keyword);
}

/** Seconds since 1970 as the text of a UTC timestamp; undefined outside the years that have four digits. */
export function epochSecondsToText(seconds: number): string | undefined {
  const micros = Math.round(seconds * 1_000_000);
  const wholeMs = Math.floor(micros / 1000);
  const date = new Date(wholeMs);
  if (Number.isNaN(date.getTime()) || date.getUTCFullYear() < 0 || date.getUTCFullYear() > 9999)
    return undefined;
  const restMicros = String(micros - wholeMs * 1000).padStart(3, '0');
  return `${date.toISOString().slice(0, -1)}${restMicros}`;
}
