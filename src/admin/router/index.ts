export { AdminHttpServer } from './admin-http-server.js';
export { AdminRouter } from './admin-router.js';
export { DEFAULT_LIMITS, type AdminLimits } from './limits.js';
