export { MxcpError, type ErrorCode } from '../../errors/index.js';
export { MAX_WAIT_MS } from '../../lifecycle/index.js';
export { AdminApiError } from './admin-api-error.js';
export { AdminClient } from './admin-client.js';
export type {
  AdminClientOptions,
  ClientAuditOptions,
  ClientEventOptions,
  ClientReloadOptions,
  ClientSessionOptions,
  ClientTraceOptions,
  QueuedReloadOptions,
  ReloadRequestOptions,
  WaitingReloadOptions,
} from './client-options.js';
export { type OwnerFile, readOwnerFile } from './owner-file.js';
export type {
  AnswerOf,
  AuditRecords,
  AuditStats,
  CallResult,
  CallTraceEntry,
  Config,
  EndedSessions,
  EndpointList,
  ErrorBody,
  Health,
  Metrics,
  OpenApiDocument,
  ProbeFailed,
  ProbeOk,
  ProjectReport,
  QueryOf,
  ReloadAccepted,
  ReloadErrorBody,
  ReloadList,
  ReloadRecord,
  Rotation,
  RouteName,
  ServiceIndex,
  Session,
  SessionList,
  Status,
  StreamedEvent,
  SuccessOf,
} from '../../contract/index.js';
