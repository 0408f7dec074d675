export { type HttpListenerOptions, type McpListener, startHttpListener } from './http-listener.js';
export { type ListChanges, sendListChanges } from './message-router.js';
