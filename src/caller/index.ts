export { ANONYMOUS, type Caller, type Decision, toCaller, toUserContext } from './caller.js';
