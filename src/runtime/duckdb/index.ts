export { DatabaseRegistry } from './database-registry.js';
export { GenerationDatabase, type DatabaseSpec } from './generation-database.js';
export { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './iso-time.js';
export {
  ANONYMOUS,
  type CallerIdentity,
  type JsonObject,
  type JsonValue,
  type ParameterValue,
  type QueryableDatabase,
  type QueryOptions,
  TypedText,
} from './query.js';
