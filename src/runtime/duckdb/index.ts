export type { ColumnType, DatabaseSession, SessionExecution } from './database-session.js';
export { toTaggedArguments } from './tagged-arguments.js';
export { parseTaggedParameters } from './tagged-parameters.js';
export { statDatabaseFile, type DatabaseFile } from './database-file.js';
export { DatabaseRegistry } from './database-registry.js';
export { GenerationDatabase, type DatabaseSpec } from './generation-database.js';
export { DatabaseHandover } from './handover/database-handover.js';
export { FileCheck } from './handover/file-check.js';
export { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './iso-time.js';
export {
  ANONYMOUS,
  type CallerIdentity,
  type InspectedDatabase,
  type JsonObject,
  type JsonValue,
  type QueryableDatabase,
  type QueryOptions,
  type StatementShape,
} from './query.js';
export { DeclaredValue, TypedText, type ParameterValue } from './sql-values.js';
