import { _, type FuncKeywordDefinition, type KeywordDefinition } from 'ajv/dist/2020.js';
import { createExactTextCheck, type ExactTextRules } from './exact-text.js';

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

/** What checks know of numbers beyond JSON Schema. */
export const NUMBER_KEYWORDS: readonly KeywordDefinition[] = [exactText, keptDigits];
