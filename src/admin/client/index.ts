export { MxcpError, type ErrorCode } from '../../errors/index.js';
export { MAX_WAIT_MS } from '../../lifecycle/index.js';
export { AdminApiError } from './admin-api-error.js';
export {
  AdminClient,
  type AdminClientOptions,
  type ClientEventOptions,
  type ClientReloadOptions,
  type ClientTraceOptions,
  type QueuedReloadOptions,
  type ReloadRequestOptions,
  type WaitingReloadOptions,
} from './admin-client.js';
export { type OwnerFile, readOwnerFile } from './owner-file.js';
export type {
  AnswerOf,
  CallResult,
  CallTraceEntry,
  Config,
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
  Status,
  StreamedEvent,
  SuccessOf,
} from '../../contract/index.js';
