export {
  ANONYMOUS,
  addDecision,
  assertScopes,
  type Caller,
  type Decision,
  DeniedByRule,
  InsufficientScope,
  toCaller,
  toUserContext,
} from './caller.js';
