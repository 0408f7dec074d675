export { type HttpListenerOptions, type McpListener, startHttpListener } from './http/index.js';
export type { ListChanges } from './list-changes.js';
export type { ServerInfo } from './mcp-server.js';
export { startStdio, type StdioConnection, type StdioOptions } from './stdio/index.js';
