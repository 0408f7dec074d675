export { startAdminServer } from './admin-server.js';
export { writeOwnerFile } from './client/owner-file.js';
export type {
  AdminPorts,
  ProjectPort,
  ReadinessReport,
  ReadinessSource,
  RotationPort,
  RotationState,
  ServerStatus,
} from './route-handlers.js';
