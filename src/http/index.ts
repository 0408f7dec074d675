export {
  ClientGone,
  type Connection,
  type HttpLimits,
  HttpServer,
  type Reply,
  RequestGuard,
  assertLocalCaller,
  endWith,
  headerValues,
  isLoopbackHost,
  readBody,
  writeReply,
} from './http-server.js';
export { bindHttpServers, hostOf, portOf } from './port-binding.js';
