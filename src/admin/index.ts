export { startAdminServer } from './admin-server.js';
export type { AdminPorts, ReadinessReport, ReadinessSource, ServerStatus } from './route-handlers.js';
