export { startHttpListener } from './http/http-listener.js';
export type { ListChanges } from './listings.js';
export { startStdio, type StdioConnection } from './stdio.js';
