export { AnswerError } from './answer-error.js';
export { createRouteHandlers, type RouteHandlers } from './route-handlers.js';
export type { SocketFacts } from './status-answer.js';
