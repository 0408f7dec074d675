export { readAnswer, readAnswerText, type ServerAnswer } from './server-answer.js';
export { clientBehindProxy, networkOf } from './client-address.js';
export {
  ClientGone,
  type Connection,
  type HttpLimits,
  HttpServer,
  type Reply,
  RequestGuard,
  endWith,
  headerValues,
  hostnameOf,
  isLoopbackHost,
  parseRequestTarget,
  readBody,
  UNCACHED_HEADERS,
  UNFRAMED_HEADERS,
  writeReply,
} from './http-server.js';
export { answerRoute, type WebRoute } from './web-route.js';
export { bindHttpServers, hostOf, portOf } from './port-binding.js';
