export { openApiDocument } from './openapi.js';
export type { RouteContract } from './route-contract.js';
export { ROUTES } from './route-table.js';
export type * from './wire-types.js';
