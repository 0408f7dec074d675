export { DatabaseRegistry } from './database/database-registry.js';
export {
  type DatabaseSpec,
  GenerationDatabase,
  type InspectedDatabase,
  type QueryableDatabase,
  type RowAccess,
} from './database/generation-database.js';
export { type DatabaseFile, lockHolderOf, statDatabaseFile, wouldCreate } from './files/database-file.js';
export { DatabaseHandover } from './handover/database-handover.js';
export { type PreflightDatabase, preflightOnCurrent, PreflightOnNewFile } from './handover/preflight-database.js';
export { quote, ScratchDatabase, type ScratchRow } from './scratch-database.js';
export { conflictWaits } from './statements/count-changes.js';
export type { DatabaseSession } from './statements/call-session.js';
export { reasonOf, type RowsRead } from './statements/query.js';
export type { ResultColumn, ResultType } from './statements/inspection.js';
export { parseIsoDate, parseIsoTime, parseIsoTimestamp } from './values/iso-time.js';
export { losesOrder, parseOrdered, toOrderedObject } from './values/json-values.js';
export { parseTaggedParameters, toTaggedArguments } from './values/python-parameters.js';
export {
  DeclaredValue,
  type JsonObject,
  type JsonValue,
  type ParameterValue,
  type SqlParameters,
  TypedText,
} from './values/sql-values.js';
