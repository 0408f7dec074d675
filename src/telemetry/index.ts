export {
  type AnswerFacts,
  CALL_METHODS,
  type CallFailure,
  type CallTiming,
  type ObservedCall,
  type OpenPhase,
} from './call-timing.js';
export {
  AUTH_OUTCOMES,
  type AuthAttempt,
  type LoggedLine,
  OAUTH_ENDPOINTS,
  OAUTH_OUTCOMES,
  type OAuthAnswer,
  type PersonSignIn,
  Observers,
  type RefusedRequest,
  type ReloadChange,
  type ServerObserver,
} from './observers.js';
export { newSpanId, newTraceId, parseTraceContext, type TraceContext, toTraceparent } from './trace-context.js';
export { CallTracer } from './call-tracer.js';
export { EventJournal } from './event-journal.js';
export { EventObserver } from './event-observer.js';
