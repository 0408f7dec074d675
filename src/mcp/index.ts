export { type HttpListenerOptions, type McpListener, startHttpListener } from './http/index.js';
export type { ListChanges } from './list-changes.js';
export { startStdio, type StdioConnection } from './stdio/index.js';
