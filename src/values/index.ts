export {
  ArgumentReader,
  type CallArguments,
  MAX_ARGUMENT_VALUES,
  coerce,
  createBinder,
  toSampleParameters,
} from './arguments.js';
export { changeResult, shorten, toJsonValue } from './change-result.js';
export {
  type BlockAnnotations,
  type ContentBlock,
  describeBlock,
  describeHidden,
  sizeOf,
  textOf,
} from './content-blocks.js';
export { type DeclaredContent, findContent, toContent } from './declared-content.js';
export { parseExact, toWhole } from './exact-numbers.js';
export type { SchemaCheck } from './explain-mismatch.js';
export { type ObjectSchema, explainUnportable, toInputSchema, toOutputSchema } from './json-schema.js';
export { isBase64Text, isBinaryType, mimeTypeOfFile, toBase64 } from './media-types.js';
export { tooLarge, toTokens } from './result-size.js';
export {
  type ResultOptions,
  RowCollector,
  countParts,
  createResultChecks,
  jsonListPieces,
  limitsOf,
} from './results.js';
export { SchemaCompiler, compilePattern } from './schema-compiler.js';
export { MASK, REDACTED, hasSensitive, redactArguments, redactSensitive } from './sensitive.js';
export type {
  AnswerRules,
  JsonResult,
  KeptLink,
  LeftOut,
  ListLimits,
  Paging,
  RowKeeper,
  ShapedResult,
} from './shaped-result.js';
export {
  type ParameterDefinition,
  type TypeDefinition,
  type ValueType,
  count,
  flag,
  maybe,
  mimeType,
  parameterSchema,
  parametersSchema,
  text,
  typeSchema,
} from './type-definition.js';
export { ValueCollector } from './value-collector.js';
