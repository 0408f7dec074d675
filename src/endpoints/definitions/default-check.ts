import type { Problem } from '../../errors/index.js';
import {
  coerce,
  type ParameterDefinition,
  type SchemaCheck,
  SchemaCompiler,
  type TypeDefinition,
} from '../../values/index.js';
import type { KeyPath, YamlSource } from '../../yaml/index.js';
import { problemAt } from './schema-problems.js';

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
      const path = [...base, 'parameters', index];
      return this.#findIn(parameter, { name: parameter.name, path, source });
    });
  }

  /** In a type and in what is declared within it. */
  #findIn(type: TypeDefinition, place: TypePlace): readonly Problem[] {
    const { name, path, source } = place;
    const { items, properties = {} } = type;
    const inMembers = Object.entries(properties).flatMap(([key, member]) =>
      this.#findIn(member, { name: `${name}.${key}`, path: [...path, 'properties', key], source }),
    );
    const inItems =
      items === undefined ? [] : this.#findIn(items, { name: `${name}[]`, path: [...path, 'items'], source });
    return [...this.#findOwn(type, place), ...inMembers, ...inItems];
  }

  #findOwn(type: TypeDefinition, { name, path, source }: TypePlace): readonly Problem[] {
    if (type.default === undefined || type.default === null) return [];
    const reasons = this.#checkFor(type)(coerce(type, type.default), 'it');
    return reasons.map((reason) =>
      problemAt([...path, 'default'], `the default of "${name}" does not fit: ${reason}`, source),
    );
  }

  /** Types that differ only in what a check does not look at share one. */
  #checkFor(type: TypeDefinition): SchemaCheck {
    const { name: _name, description: _description, default: _default, examples: _examples, ...bare } = type;
    const key = JSON.stringify(bare);
    const known = this.#checks.get(key);
    if (known !== undefined) return known;
    this.#compiler ??= new SchemaCompiler();
    const check = this.#compiler.checkOf(bare, 'input');
    this.#checks.set(key, check);
    return check;
  }
}

/** Where a type stands, and how it is called there. */
interface TypePlace {
  readonly name: string;
  readonly path: KeyPath;
  readonly source: YamlSource;
}
