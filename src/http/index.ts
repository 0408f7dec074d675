export {
  assertLocalCaller,
  type CallerHeaders,
  type Connection,
  endWith,
  headerValues,
  type HttpLimits,
  HttpServer,
  type HttpServerOptions,
  readBody,
  type Reply,
  RequestGuard,
  writeReply,
} from './http-server.js';
