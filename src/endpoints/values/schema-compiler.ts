import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import type { JsonObject } from '../../runtime/index.js';
import { FORMATS } from './formats.js';
import { addNumberKeywords } from './number-keywords.js';
import { compilePattern } from './pattern.js';

export interface SchemaCheck {
  /** Everything that does not fit, empty when all does. */
  (value: unknown): readonly ErrorObject[];
}

/**
 * Compiles JSON Schemas to checks. One for each set of definitions, and gone with it, because the compiler keeps what it
 * compiled. Compiling takes about a millisecond, so it waits until a schema is first used.
 */
export class SchemaCompiler {
  readonly #ajv = new Ajv2020({
    allErrors: true,
    strict: false,
    // Schemas are made here and not by people. Compiling the schema of schemas would hold the event loop for 9 ms at every reload.
    meta: false,
    validateSchema: false,
    // The value that a check refuses is shown beside the reason.
    verbose: true,
    formats: { ...FORMATS },
    code: { regExp: Object.assign(toRegExp, { code: 'new RegExp' }) },
  });

  constructor() {
    ajvFormats.default(this.#ajv, ['email']);
    addNumberKeywords(this.#ajv);
  }

  /** The schema is asked for when it is first used. */
  compile(toSchema: () => JsonObject): SchemaCheck {
    let validate: ValidateFunction | undefined;
    return (value) => {
      validate ??= this.#ajv.compile(toSchema());
      return validate(value) ? [] : (validate.errors ?? []);
    };
  }
}

function toRegExp(pattern: string): RegExp {
  const { expression, error } = compilePattern(pattern);
  if (expression === undefined) throw new Error(error);
  return expression;
}
