export { startAdminServer } from './admin-server.js';
export type { AdminSocketSettings } from './socket/admin-socket.js';
export { writeOwnerFile } from './client/owner-file.js';
export type {
  AdminPorts,
  EventPort,
  TracePort,
  ProjectPort,
  ReadinessReport,
  ReadinessSource,
  RotationPort,
  RotationState,
  ServerStatus,
} from './ports.js';
