export { AnswerError } from './answer-error.js';
export {
  createRouteHandlers,
  type RouteHandlers,
  type RouteReply,
  type RouteRequest,
} from './route-handlers.js';
export type { SocketFacts } from './status-answer.js';
