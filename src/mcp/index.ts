export { startHttpListener } from './http/http-listener.js';
export type { ListChanges } from './listings.js';
export { type StdioConnection, startStdio } from './stdio.js';
