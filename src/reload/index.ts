export {
  ReloadCoordinator,
  type AcceptedReload,
  type ReloadOptions,
  type ReloadStatus,
} from './reload-coordinator.js';
export type {
  DatabaseOutcome,
  ReferenceOutcome,
  ReloadFailure,
  ReloadRecord,
  ReloadStage,
  ReloadTrigger,
  RestartRequired,
} from './reload-record.js';
export type { ReloadContext, ReloadFindings, ReloadSteps } from './reload-steps.js';
