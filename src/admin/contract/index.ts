export { openApiDocument } from './openapi.js';
export type { RouteContract } from './route-contract.js';
export { ROUTES } from './route-table.js';
export { MAX_WAIT_MS } from './wait-limit.js';
export type * from './wire-types.js';
