import { MxcpError } from '../../errors/index.js';
import type { JsonObject, ParameterValue } from '../../runtime/index.js';
import type { ParameterDefinition } from '../definitions/definition-schema.js';
import { createBinder, type Binder } from './binder.js';
import { coerceMembers } from './coerce.js';
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
  readonly #declared: readonly (readonly [string, ParameterDefinition])[];
  readonly #binders: readonly (readonly [string, Binder])[];
  readonly #check: SchemaCheck;

  /** `endpoint` names the endpoint in errors, e.g. `tool "sales"`. */
  constructor(endpoint: string, parameters: readonly ParameterDefinition[], compiler: SchemaCompiler) {
    this.#endpoint = endpoint;
    this.#declared = parameters.map((parameter) => [parameter.name, parameter]);
    this.#binders = parameters.map((parameter) => [parameter.name, createBinder(parameter)]);
    this.inputSchema = toInputSchema(parameters);
    this.#check = compiler.compile(() => toInputCheck(parameters));
  }

  /** Throws `params_invalid`, which names every argument that does not fit. */
  read(sent: Readonly<Record<string, unknown>>): CallArguments {
    const values = coerceMembers(sent, this.#declared, isWithoutDefault);
    const mismatches = this.#check(values);
    if (mismatches.length > 0) {
      const reasons = [...new Set(mismatches.map((mismatch) => explainMismatch(mismatch, 'the arguments')))];
      throw new MxcpError('params_invalid', `invalid arguments for ${this.#endpoint}: ${reasons.join('; ')}`);
    }
    const bindings = this.#binders.map(([name, bind]) => [name, bind(values[name])]);
    return { values, bindings: Object.fromEntries(bindings) };
  }
}

/** Asked about parameters that have no default, all of which are required. */
function isWithoutDefault(): boolean {
  return true;
}
