import { MxcpError } from '../../errors/index.js';
import type { JsonObject, ParameterValue } from '../../runtime/index.js';
import type { ParameterDefinition } from '../definitions/definition-schema.js';
import { toParameterValue } from './bind.js';
import { coerce } from './coerce.js';
import { explainMismatch } from './explain-mismatch.js';
import { toInputCheck, toInputSchema } from './json-schema.js';
import type { SchemaCheck, SchemaCompiler } from './schema-compiler.js';

/** The arguments of one call after defaults, coercion and checks. */
export interface CallArguments {
  /** JSON values by name, for templates. */
  readonly values: Readonly<Record<string, unknown>>;
  /** The same values as SQL gets them. */
  readonly bindings: Readonly<Record<string, ParameterValue>>;
}

/** Reads what callers send for the parameters of one endpoint. */
export class ArgumentReader {
  readonly inputSchema: JsonObject;
  readonly #endpoint: string;
  readonly #parameters: readonly ParameterDefinition[];
  readonly #check: SchemaCheck;

  /** `endpoint` names the endpoint in errors, e.g. `tool "sales"`. */
  constructor(endpoint: string, parameters: readonly ParameterDefinition[], compiler: SchemaCompiler) {
    this.#endpoint = endpoint;
    this.#parameters = parameters;
    this.inputSchema = toInputSchema(parameters);
    this.#check = compiler.compile(() => toInputCheck(parameters));
  }

  /** Throws `params_invalid`, which names every argument that does not fit. */
  read(sent: Readonly<Record<string, unknown>>): CallArguments {
    const values = this.#complete(sent);
    const mismatches = this.#check(values);
    if (mismatches.length > 0) {
      const reasons = [...new Set(mismatches.map((mismatch) => explainMismatch(mismatch, 'the arguments')))];
      throw new MxcpError('params_invalid', `invalid arguments for ${this.#endpoint}: ${reasons.join('; ')}`);
    }
    const bindings = this.#parameters.map((parameter) => [
      parameter.name,
      toParameterValue(parameter, values[parameter.name]),
    ]);
    return { values, bindings: Object.fromEntries(bindings) };
  }

  /** Defaults filled in and values coerced. Null for an optional parameter means that it was left out. */
  #complete(sent: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const values = new Map<string, unknown>(Object.entries(sent));
    for (const parameter of this.#parameters) {
      const value = values.get(parameter.name);
      if (value !== undefined && value !== null) values.set(parameter.name, coerce(parameter, value));
      else if ('default' in parameter) values.set(parameter.name, coerce(parameter, parameter.default));
      else if (value === undefined) values.delete(parameter.name);
    }
    return Object.fromEntries(values);
  }
}
