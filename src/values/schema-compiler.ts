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
import { explainMismatch, type SchemaCheck } from './explain-mismatch.js';
import { type SchemaDirection, toCheckSchema, toInputSchema } from './json-schema.js';
import type { ParameterDefinition, TypeDefinition, ValueFormat } from './type-definition.js';

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
    formats: { ...FORMATS },
    code: { regExp: Object.assign(compilePattern, { code: 'new RegExp' }) },
  });

  constructor() {
    ajvFormats.default(this.#ajv, ['email']);
    this.#ajv.removeKeyword('multipleOf');
    for (const keyword of [multipleOf, keptDigits, exactText, epochSeconds]) this.#ajv.addKeyword(keyword);
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
      if (validate(value)) return [];
      return [...new Set(validate.errors?.map((error) => explainMismatch(error, root)))];
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
const FORMATS: Readonly<Record<Exclude<ValueFormat, 'email'>, (text: string) => boolean>> = {
  uri: (text) => /^[A-Za-z][A-Za-z0-9+.-]*:\S+$/.test(text),
  date: (text) => parseIsoDate(text) !== undefined,
  time: (text) => parseIsoTime(text) !== undefined,
  'date-time': (text) => parseIsoTimestamp(text) !== undefined,
  duration: (text) => DURATION.test(text),
  timestamp: (text) => EPOCH_SECONDS.test(text) && epochSecondsToText(Number(text)) !== undefined,
};

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

/** The format `timestamp` of declared numbers: in JSON Schema, formats apply to text only. */
const epochSeconds: FuncKeywordDefinition = {
  keyword: 'epochSeconds',
  type: ['number', 'string'],
  schemaType: 'boolean',
  validate: (_schema: boolean, seconds: number | string) => epochSecondsToText(Number(seconds)) !== undefined,
};

/** Checks a number that comes as text, as results write numbers that a double cannot hold. */
const exactText: FuncKeywordDefinition = {
  keyword: 'exactText',
  type: 'string',
  schemaType: 'object',
  compile: (declared: ExactText, schema) => {
    const findMismatches = createExactTextCheck(declared, schema);
    const validate: ReturnType<NonNullable<FuncKeywordDefinition['compile']>> = (text: string) => {
      validate.errors = findMismatches(text);
      return validate.errors.length === 0;
    };
    return validate;
  },
};

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
