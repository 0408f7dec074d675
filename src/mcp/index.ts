export {
  type HttpListenerOptions,
  type ListChanges,
  type McpListener,
  startHttpListener,
} from './http/index.js';
export {
  createMcpServerFactory,
  type McpServerFactoryOptions,
  type MessageScope,
  type ServerInfo,
} from './mcp-server.js';
