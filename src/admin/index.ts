export { startAdminServer } from './admin-server.js';
export type { AdminSocketSettings } from './socket/admin-socket.js';
export { writeOwnerFile } from './client/owner-file.js';
export {
  type AdminAction,
  type AdminPorts,
  type AuditPort,
  type EventPort,
  isReady,
  type TracePort,
  type ProjectPort,
  type ReadinessReport,
  type ReadinessSource,
  type RotationPort,
  type RotationState,
  type ServerStatus,
  type SessionPort,
} from './ports.js';
