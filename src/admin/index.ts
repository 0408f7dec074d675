export { startAdminServer, type AdminServer, type AdminServerOptions } from './admin-server.js';
export type * from './ports.js';
export type { AdminSocketSettings } from './socket/index.js';
