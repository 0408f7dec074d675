export {
  ClientGone,
  type Connection,
  type HttpLimits,
  HttpServer,
  type HttpServerOptions,
  type Reply,
  RequestGuard,
  assertLocalCaller,
  endWith,
  headerValues,
  readBody,
  writeReply,
} from './http-server.js';
