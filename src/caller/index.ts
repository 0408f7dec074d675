export {
  ANONYMOUS,
  addDecision,
  assertScopes,
  type Caller,
  type Decision,
  InsufficientScope,
  toCaller,
  toUserContext,
} from './caller.js';
