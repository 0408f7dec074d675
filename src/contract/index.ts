export { check, reloadRecord } from './answers.js';
export { openApiDocument } from './openapi.js';
export { ROUTES, type RouteContract } from './route-table.js';
export { type Inside, toWire } from './wire-format.js';
export type * from './wire-types.js';
