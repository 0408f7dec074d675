export { DatabaseRegistry } from './database/database-registry.js';
export {
  type DatabaseSpec,
  GenerationDatabase,
  type InspectedDatabase,
  type QueryableDatabase,
} from './database/generation-database.js';
export { type DatabaseFile, statDatabaseFile } from './files/database-file.js';
export { DatabaseHandover } from './handover/database-handover.js';
export { PreflightProcess } from './handover/preflight-process.js';
export type { DatabaseSession } from './statements/call-session.js';
export { ANONYMOUS, type CallerIdentity } from './statements/connections.js';
export type { StatementShape } from './statements/inspection.js';
export { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './values/iso-time.js';
export { parseTaggedParameters, toTaggedArguments } from './values/python-parameters.js';
export {
  DeclaredValue,
  type JsonObject,
  type JsonValue,
  type ParameterValue,
  TypedText,
} from './values/sql-values.js';
