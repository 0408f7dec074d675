export { startAdminServer, type AdminServer, type AdminServerOptions } from './admin-server.js';
export type * from './ports.js';
