export { ArgumentReader, type CallArguments, toSampleParameters } from './arguments.js';
export { coerce } from './coerce.js';
export { parseExact, toWhole } from './exact-numbers.js';
export { explainMismatch } from './explain-mismatch.js';
export { type SchemaCheck, SchemaCompiler, compilePattern, toCheck, toOutputSchema } from './json-schema.js';
export {
  ResultChecks,
  ResultCollector,
  type ResultCollectorOptions,
  type ShapedResult,
  ValueCollector,
  tooLarge,
} from './results.js';
export {
  type ParameterDefinition,
  type TypeDefinition,
  type ValueType,
  count,
  flag,
  maybe,
  parameterSchema,
  text,
  typeSchema,
} from './type-definition.js';
