import { _, type Ajv2020, type FuncKeywordDefinition, type KeywordDefinition } from 'ajv/dist/2020.js';
import { createMultipleCheck } from './exact-number.js';
import { createExactTextCheck, type ExactTextRules } from './exact-text.js';
import { epochSecondsToText } from './formats.js';

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
