export {
  type AcceptedReload,
  ReloadCoordinator,
  type ReloadOptions,
  type ReloadStatus,
  unreadDefinitions,
} from './reload-coordinator.js';
export type { Candidate, ReloadContext, ReloadSteps } from './reload-steps.js';
