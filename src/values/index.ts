export { ArgumentReader, type CallArguments, MAX_ARGUMENT_VALUES, coerce, toSampleParameters } from './arguments.js';
export { changeResult, toJsonValue } from './change-result.js';
export { parseExact, toWhole } from './exact-numbers.js';
export type { SchemaCheck } from './explain-mismatch.js';
export { type ObjectSchema, explainUnportable, toInputSchema, toOutputSchema } from './json-schema.js';
export {
  type ResultOptions,
  RowCollector,
  type ShapedResult,
  ValueCollector,
  createResultChecks,
  jsonListPieces,
  tooLarge,
} from './results.js';
export { SchemaCompiler, compilePattern } from './schema-compiler.js';
export { REDACTED, hasSensitive, redactArguments, redactSensitive } from './sensitive.js';
export {
  type ParameterDefinition,
  type TypeDefinition,
  type ValueType,
  count,
  flag,
  maybe,
  parameterSchema,
  parametersSchema,
  text,
  typeSchema,
} from './type-definition.js';
