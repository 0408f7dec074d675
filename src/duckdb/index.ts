export { DatabaseRegistry } from './database/database-registry.js';
export { type DatabaseSpec, GenerationDatabase } from './database/generation-database.js';
export { type DatabaseFile, statDatabaseFile } from './files/database-file.js';
export { DatabaseHandover } from './handover/database-handover.js';
export { FileCheck } from './handover/file-check.js';
export type { DatabaseSession } from './statements/call-session.js';
export { ANONYMOUS, type CallerIdentity } from './statements/connections.js';
export type { InspectedDatabase, QueryableDatabase, StatementShape } from './statements/query.js';
export { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './values/iso-time.js';
export {
  DeclaredValue,
  type JsonObject,
  type JsonValue,
  type ParameterValue,
  TypedText,
} from './values/sql-values.js';
export { parseTaggedParameters, toTaggedArguments } from './values/tagged-values.js';
