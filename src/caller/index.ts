export {
  ANONYMOUS,
  assertScopes,
  type Caller,
  type Decision,
  InsufficientScope,
  toCaller,
  toUserContext,
} from './caller.js';
