export { type HttpListenerOptions, type McpListener, startHttpListener } from './http-listener.js';
