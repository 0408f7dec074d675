export { startAdminServer } from './admin-server.js';
export { writeOwnerFile } from './client/owner-file.js';
export type {
  AdminPorts,
  ProjectPort,
  ReadinessReport,
  ReadinessSource,
  ServerStatus,
} from './route-handlers.js';
