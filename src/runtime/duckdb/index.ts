export {
  ANONYMOUS,
  type CallerIdentity,
  type JsonObject,
  type JsonValue,
  type ParameterValue,
  type QueryableDatabase,
  type QueryOptions,
  type StatementShape,
  type TypedText,
} from './query.js';
