export { openAdminSocket, type AdminSocket, type AdminSocketSettings } from './admin-socket.js';
export type { Environment } from './permission-error.js';
