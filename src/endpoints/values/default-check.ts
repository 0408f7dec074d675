import type { KeyPath, YamlSource } from '../../config/index.js';
import type { Problem } from '../../errors/index.js';
import type { ParameterDefinition, TypeDefinition } from '../definitions/definition-schema.js';
import { problemAt } from '../definitions/schema-problems.js';
import { coerce } from './coerce.js';
import { explainMismatch } from './explain-mismatch.js';
import { toCheck } from './json-schema.js';
import { SchemaCompiler, type SchemaCheck } from './schema-compiler.js';

/**
 * Finds defaults that do not fit the type they are the default of: every call that relies on one would fail. One for a
 * whole load: making a compiler takes 15 ms and compiling a schema more than one, so both are done once for all files.
 */
export class DefaultCheck {
  #compiler: SchemaCompiler | undefined;
  readonly #checks = new Map<string, SchemaCheck>();

  findProblems(
    parameters: readonly ParameterDefinition[],
    base: KeyPath,
    source: YamlSource,
  ): readonly Problem[] {
    return parameters.flatMap((parameter, index) => {
      if (parameter.default === undefined || parameter.default === null) return [];
      const value = coerce(parameter, parameter.default);
      return this.#checkFor(parameter)(value).map((mismatch) => {
        const message = `the default of "${parameter.name}" does not fit: ${explainMismatch(mismatch, 'it')}`;
        return problemAt([...base, 'parameters', index, 'default'], message, source);
      });
    });
  }

  /** Parameters that differ only in what a check does not look at share one. */
  #checkFor(parameter: ParameterDefinition): SchemaCheck {
    const bare: TypeDefinition = {
      ...parameter,
      description: undefined,
      default: undefined,
      examples: undefined,
    };
    const schema = toCheck(bare, 'input');
    const key = JSON.stringify(schema);
    const known = this.#checks.get(key);
    if (known !== undefined) return known;
    this.#compiler ??= new SchemaCompiler();
    const check = this.#compiler.compile(() => schema);
    this.#checks.set(key, check);
    return check;
  }
}
