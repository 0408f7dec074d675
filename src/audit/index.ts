export { checkChain } from './audit-chain.js';
export { AuditFollower } from './audit-follow.js';
export { AuditLog, type AuditState, NO_FACTS } from './audit-log.js';
export { AuditQueries } from './audit-queries.js';
export { type AuditFilter, AuditReader, type FoundRecord } from './audit-reader.js';
export { listSegments } from './audit-segments.js';
export type { AuditSettings } from './audit-writer.js';
export { countRecords, findExpired, removeSegments } from './retention.js';
