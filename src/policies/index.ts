export { hasSensitive } from './cel/declared-type.js';
export { compilePolicies, hasRules } from './compile-policies.js';
export type { CompiledPolicies } from './compile-rules.js';
export type { AnswerChange, EndpointPolicies, FieldChanges, PolicyOutcome } from './endpoint-policies.js';
export { policiesSchema } from './policy-rules.js';
