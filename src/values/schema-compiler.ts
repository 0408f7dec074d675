import ajvFormats from 'ajv-formats';
import {
  _,
  Ajv2020,
  type AnySchemaObject,
  type ErrorObject,
  type FuncKeywordDefinition,
  type KeywordDefinition,
  type ValidateFunction,
} from 'ajv/dist/2020.js';
import { type JsonObject, parseIsoDate, parseIsoTime, parseIsoTimestamp } from '../duckdb/index.js';
import {
  compareExact,
  createMultipleCheck,
  epochSecondsToText,
  type ExactNumber,
  isMultipleOf,
  parseExact,
  toWhole,
} from './exact-numbers.js';
import { explainMismatches, type SchemaCheck } from './explain-mismatch.js';
import { type ResultFormat, type SchemaDirection, toCheckSchema, toInputSchema } from './json-schema.js';
import type { ParameterDefinition, TypeDefinition, ValueFormat } from './type-definition.js';

/** As many mismatches of a value are explained, more than the text will show. */
const EXPLAINED = 100;

/**
 * Compiles declared types to checks. There is one for each set of definitions, and it is dropped with them, because the
 * compiler keeps what it compiled. Compiling takes about a millisecond, so a check is compiled when it is first used.
 */
export class SchemaCompiler {
  readonly #ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    // Schemas are made here, not by people. Compiling the schema of schemas would block the event loop for 9 ms at every reload.
    meta: false,
    validateSchema: false,
    // Messages show the refused value beside the reason.
    verbose: true,
    // A member is one only if it is the object's own: every object has a `toString`.
    ownProperties: true,
    formats: { ...FORMATS },
    code: { regExp: Object.assign(compilePattern, { code: 'new RegExp' }) },
  });

  constructor() {
    ajvFormats.default(this.#ajv, ['email']);
    for (const replaced of ['multipleOf', 'uniqueItems']) this.#ajv.removeKeyword(replaced);
    for (const keyword of [multipleOf, uniqueItems, keptDigits, exactText, epochSeconds]) this.#ajv.addKeyword(keyword);
  }

  checkOfArguments(parameters: readonly ParameterDefinition[]): SchemaCheck {
    return this.#compile(() => toInputSchema(parameters, true));
  }

  checkOf(type: TypeDefinition, direction: SchemaDirection): SchemaCheck {
    return this.#compile(() => toCheckSchema(type, direction));
  }

  #compile(createSchema: () => JsonObject): SchemaCheck {
    let validate: ValidateFunction | undefined;
    return (value, root) => {
      validate ??= this.#ajv.compile(createSchema());
      if (validate(value)) return undefined;
      const errors = validate.errors ?? [];
      return explainMismatches(errors.slice(0, EXPLAINED).flatMap(toExactErrors), errors.length, root);
    };
  }
}

/**
 * Compiles a `pattern` of a definition in Unicode mode, as JSON Schema has it, or else in the older syntax (`\-` outside
 * a class is common in files written for Python). Patterns run on the event loop with backtracking: they come from the
 * project's author, who is trusted with SQL as well. Throws the error of the older syntax, which explains more.
 */
export function compilePattern(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u');
  } catch {
    return new RegExp(pattern);
  }
}

const EPOCH_SECONDS = /^\s*-?\d+(\.\d+)?\s*$/;
const DURATION = /^-?P(?!$)(-?\d+Y)?(-?\d+M)?(-?\d+W)?(-?\d+D)?(T(?=[-\d])(-?\d+H)?(-?\d+M)?(-?\d+(\.\d+)?S)?)?$/;

/**
 * The formats of declared texts; `email` comes from ajv-formats. They are those of JSON Schema, a little wider where SQL
 * is: clocks without a zone, a space before the clock, fractions of seconds and signs in durations, and `timestamp`,
 * seconds since 1970. A text that passes as a date or time can be bound as one.
 */
const FORMATS: Readonly<Record<Exclude<ValueFormat, 'email'> | ResultFormat, (text: string) => boolean>> = {
  uri: (text) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text),
  date: (text) => parseIsoDate(text) !== undefined,
  time: (text) => parseIsoTime(text) !== undefined,
  'date-time': (text) => parseIsoTimestamp(text) !== undefined,
  duration: (text) => DURATION.test(text),
  timestamp: (text) => EPOCH_SECONDS.test(text) && epochSecondsToText(Number(text)) !== undefined,
  'result-time': (text) => RESULT_TIME.test(text),
  'result-date-time': (text) => RESULT_DATE_TIME.test(text),
};

/** What DuckDB and Python write as times: also 24:00:00 and years beyond four digits, but no date without a time. */
const RESULT_CLOCK = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d{2}(?::?\d{2}(?::\d{2})?)?)?$`;
const RESULT_TIME = new RegExp(`^${RESULT_CLOCK}`);
const RESULT_DATE_TIME = new RegExp(String.raw`^(?:\d{4}|[+-]\d{6})-\d{2}-\d{2}[Tt ]${RESULT_CLOCK}`);

/** Refuses a JSON number that may have been another number before it was parsed. Inlined, because every whole number passes it. */
const keptDigits: KeywordDefinition = {
  keyword: 'keptDigits',
  type: 'number',
  schemaType: 'boolean',
  code: (context) => {
    const { data } = context;
    context.fail(_`${data} > ${Number.MAX_SAFE_INTEGER} || ${data} < ${Number.MIN_SAFE_INTEGER}`);
  },
};

/** Replaces Ajv's own keyword, which divides doubles and finds that 19.99 is no multiple of 0.01. */
const multipleOf: FuncKeywordDefinition = {
  keyword: 'multipleOf',
  type: 'number',
  schemaType: 'number',
  compile: createMultipleCheck,
  error: { message: 'must be a multiple', params: ({ schema }) => _`{multipleOf: ${schema}}` },
};

/** Replaces Ajv's own keyword, which compares each item with every other one. */
const uniqueItems: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  validate: (isWanted: boolean, items: readonly unknown[]) =>
    !isWanted || new Set(items.map(toSortedText)).size === items.length,
  error: { message: 'must not have equal items' },
};

/** The JSON of a value, which is equal for objects that differ only in the order of their members. */
function toSortedText(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** The format `timestamp` of declared numbers: in JSON Schema, formats apply to text only. */
const epochSeconds: FuncKeywordDefinition = {
  keyword: 'epochSeconds',
  type: ['number', 'string'],
  schemaType: 'boolean',
  validate: (_schema: boolean, seconds: number | string) => epochSecondsToText(Number(seconds)) !== undefined,
};

const exactTextChecks = new WeakMap<AnySchemaObject, ReturnType<typeof createExactTextCheck>>();

/**
 * Checks a number that comes as text, as results write numbers that a double cannot hold. Which bounds it breaks is found when
 * the error is explained: for each error that a keyword makes itself, Ajv copies all that came before.
 */
const exactText: FuncKeywordDefinition = {
  keyword: 'exactText',
  type: 'string',
  schemaType: 'object',
  errors: false,
  compile: (declared: ExactText, schema) => {
    const findMismatches = createExactTextCheck(declared, schema);
    exactTextChecks.set(schema, findMismatches);
    return (text: string) => findMismatches(text).length === 0;
  },
};

/** An error of `exactText` as errors of what the text breaks. */
function toExactErrors(error: ErrorObject): readonly ErrorObject[] {
  const findMismatches = error.keyword === 'exactText' ? exactTextChecks.get(error.parentSchema ?? {}) : undefined;
  return findMismatches?.(String(error.data)).map((mismatch) => ({ ...error, ...mismatch })) ?? [error];
}

interface ExactText {
  readonly type: 'integer' | 'number';
  readonly direction: SchemaDirection;
}

/** Decimal digits that a double always keeps; a number with no more of them is never written as text. */
const DOUBLE_DIGITS = 15;

/** How a value compares with each bound that JSON Schema knows. */
const BOUNDS: readonly (readonly [keyword: string, holds: (order: bigint) => boolean])[] = [
  ['minimum', (order) => order >= 0n],
  ['maximum', (order) => order <= 0n],
  ['exclusiveMinimum', (order) => order > 0n],
  ['exclusiveMaximum', (order) => order < 0n],
];

/** The largest whole numbers that SQL has a signed type for. */
const HUGEINT_BOUNDS = { minimum: String(-(2n ** 127n)), maximum: String(2n ** 127n - 1n) };

/** Bounds and `multipleOf` of the schema hold for the exact value. */
function createExactTextCheck(
  { type, direction }: ExactText,
  schema: AnySchemaObject,
): (text: string) => Pick<ErrorObject, 'keyword' | 'params'>[] {
  const sources: readonly AnySchemaObject[] = direction === 'input' ? [HUGEINT_BOUNDS, schema] : [schema];
  const limits = sources.flatMap((source) => BOUNDS.flatMap((bound) => toLimit(source, bound)));
  const step = schema['multipleOf'] === undefined ? undefined : parseExact(String(schema['multipleOf']));
  return (text) => {
    const value = parseExact(text);
    if (value === undefined || !needsText(value, type)) return [{ keyword: 'type', params: { type } }];
    const mismatches = limits.filter(({ isWithin }) => !isWithin(value)).map(({ mismatch }) => mismatch);
    if (step === undefined || isMultipleOf(value, step)) return mismatches;
    return [...mismatches, { keyword: 'multipleOf', params: { multipleOf: schema['multipleOf'] } }];
  };
}

function toLimit(source: AnySchemaObject, [keyword, holds]: (typeof BOUNDS)[number]) {
  if (source[keyword] === undefined) return [];
  const limit = String(source[keyword]);
  const exact = parseExact(limit);
  const isWithin = (value: ExactNumber): boolean => exact === undefined || holds(compareExact(value, exact));
  return [{ isWithin, mismatch: { keyword, params: { limit } } }];
}

/** A text that a JSON number could represent is ordinary text, not a number. */
function needsText(value: ExactNumber, type: ExactText['type']): boolean {
  const length = String(value.digits < 0n ? -value.digits : value.digits).length;
  return length > DOUBLE_DIGITS && (type === 'number' || toWhole(value) !== undefined);
}
