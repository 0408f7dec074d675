import type { Problem } from '../../errors/index.js';
import type { ParameterDefinition } from '../definitions/definition-schema.js';
import { problemAt } from '../definitions/schema-problems.js';
import type { KeyPath, YamlSource } from '../../config/index.js';
import { coerce } from './coerce.js';
import { explainMismatch } from './explain-mismatch.js';
import { toSchema } from './json-schema.js';
import { SchemaCompiler } from './schema-compiler.js';

/** Defaults that do not fit the type they are the default of: every call that relies on one would fail. */
export function checkDefaults(
  parameters: readonly ParameterDefinition[],
  base: KeyPath,
  source: YamlSource,
): Problem[] {
  return parameters.flatMap((parameter, index) => {
    if (!('default' in parameter) || parameter.default === null || !needsCheck(parameter)) return [];
    const check = new SchemaCompiler().compile(toSchema(parameter, 'input'));
    return check(coerce(parameter, parameter.default)).map((mismatch) => {
      const message = `the default of "${parameter.name}" does not fit: ${explainMismatch(mismatch, 'it')}`;
      return problemAt([...base, 'parameters', index, 'default'], message, source);
    });
  });
}

const SCALAR_KEYS = new Set(['name', 'type', 'description', 'default', 'examples']);

/** Compiling a schema takes a millisecond; most defaults are plain scalars, whose type is seen without. */
function needsCheck(parameter: ParameterDefinition): boolean {
  const isPlain = Object.entries(parameter).every(
    ([key, value]) => value === undefined || SCALAR_KEYS.has(key),
  );
  const value = coerce(parameter, parameter.default);
  if (!isPlain) return true;
  if (parameter.type === 'integer') return !Number.isInteger(value);
  return typeof value !== parameter.type;
}
