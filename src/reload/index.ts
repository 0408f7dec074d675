export {
  ReloadCoordinator,
  type AcceptedReload,
  type ReloadOptions,
  type ReloadStatus,
} from './reload-coordinator.js';
export type { ReferenceOutcome } from './reload-record.js';
export type { ReloadContext, ReloadSteps } from './reload-steps.js';
