export { check, reloadRecord } from './answers.js';
export {
  AUDIT_FIELDS,
  type AuditFacts,
  type AuditSelection,
  type AuditValues,
  fromAuditLine,
  NO_AUDIT_STATS,
  readAuditHashes,
  toAuditLine,
  toReloadValues,
} from './audit-records.js';
export {
  EVENT_NAMES,
  type EventData,
  type EventName,
  EVENTS,
  formatEvent,
  STREAM_EVENTS,
  type StreamedEvent,
} from './events.js';
export { openApiDocument } from './openapi.js';
export type { RouteContract } from './route-contract.js';
export { ROUTES } from './route-table.js';
export { EXPERIMENTAL_ROUTES, FEATURES } from './stability.js';
export { callTrace, type CallTraceRecord } from './trace-answers.js';
export { type Inside, toSecondText, toWire } from './wire-format.js';
export type * from './wire-types.js';
