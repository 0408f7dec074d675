export { AdminApiError } from './admin-api-error.js';
export {
  AdminClient,
  type AdminClientOptions,
  type ReloadOptions,
  type WaitingReloadOptions,
} from './admin-client.js';
export { MAX_WAIT_MS } from '../contract/wait-limit.js';
export type * from '../contract/wire-types.js';
