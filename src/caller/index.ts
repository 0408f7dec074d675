export { ANONYMOUS, type Caller, toCaller, toUserContext } from './caller.js';
export type { Decision } from './decision.js';
