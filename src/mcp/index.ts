export { startHttpListener } from './http/http-listener.js';
export { ListNotices } from './notices.js';
export type { ListChanges } from './listings.js';
export type { ClientTransport, McpOptions } from './mcp-options.js';
export type { UpdatedResources } from './resource-updates.js';
export { startStdio } from './stdio.js';
