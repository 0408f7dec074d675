export { MxcpError, type ErrorCode } from '../../errors/index.js';
export { MAX_WAIT_MS } from '../../lifecycle/index.js';
export {
  AdminApiError,
  AdminClient,
  type AdminClientOptions,
  type ClientReloadOptions,
  type QueuedReloadOptions,
  type ReloadRequestOptions,
  type WaitingReloadOptions,
} from './admin-client.js';
export type {
  AnswerOf,
  Config,
  EndpointList,
  ErrorBody,
  Health,
  OpenApiDocument,
  ProbeFailed,
  ProbeOk,
  QueryOf,
  ReloadAccepted,
  ReloadErrorBody,
  ReloadList,
  ReloadRecord,
  RouteName,
  ServiceIndex,
  Status,
  SuccessOf,
} from '../../contract/index.js';
