export { MxcpError, type ErrorCode } from '../../errors/index.js';
export { AdminApiError } from './admin-api-error.js';
export { AdminClient } from './admin-client.js';
export type { AdminClientOptions } from './client-options.js';
export type {
  QueuedReloadOptions,
  ReloadOptions,
  ReloadRequestOptions,
  WaitingReloadOptions,
} from './reload-options.js';
export { MAX_WAIT_MS } from '../contract/wait-limit.js';
export type * from '../contract/wire-types.js';
