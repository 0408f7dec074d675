export { MxcpError, type ErrorCode } from '../../errors/index.js';
export {
  AdminApiError,
  AdminClient,
  type AdminClientOptions,
  type QueuedReloadOptions,
  type ReloadOptions,
  type ReloadRequestOptions,
  type WaitingReloadOptions,
} from './admin-client.js';
export { MAX_WAIT_MS } from '../contract/wait-limit.js';
export type * from '../contract/wire-types.js';
