export { CallRates } from './callable/rate-limits.js';
export { CallAudit } from './running/call-audit.js';
export { CallLog, declaredName } from './running/call-log.js';
export { checkEndpoints, findPythonTargets, findResourcePatterns, withFailures } from './checking/check-endpoints.js';
export { EndpointGroups, groupNotFound } from './callable/endpoint-groups.js';
export {
  type EndpointListings,
  EndpointSet,
  type PromptListing,
  type ResourceListing,
  type ToolListing,
} from './callable/endpoint-set.js';
export { createSqlTools } from './callable/sql-tools.js';
export {
  type ExplainedEndpoint,
  explainPolicies,
  type PolicyExplanation,
  toExplained,
} from './policies/explain-policies.js';
export { explainRows, type RowExplanation } from './policies/explain-rows.js';
export type { Completion, CompletionRequest } from './calling/complete-argument.js';
export type { CallContext } from './running/call-context.js';
export { KeptResults } from './answers/kept-results.js';
export { findLargeAnswers } from './answers/large-answers.js';
export { type EndpointCalls, LiveEndpointCalls } from './calling/live-endpoint-calls.js';
export type { PromptMessage } from './callable/render-prompt.js';
export type { ResourceText } from './callable/resource-text.js';
export { callByName, type EndpointRun, findCalled, runEndpoint, toJson } from './calling/run-endpoint.js';
export { findDefinitionChange, findDefinitionChanges, readNamedBytes } from './definitions/definition-files.js';
export type { EndpointTest } from './definitions/definition-schema.js';
export {
  type EndpointCatalog,
  type EndpointDefinition,
  type EndpointFailure,
  type EndpointKind,
  endpointLabel,
} from './definitions/endpoint-definition.js';
export { type Client, CLIENTS } from './linting/client-rules.js';
export { type ClientFinding, lintForClients } from './linting/lint-for-clients.js';
export { LINT_SEVERITIES, type LintFinding, type LintSeverity, lintEndpoints } from './linting/lint-endpoints.js';
export {
  assertGroups,
  findGroupProblems,
  findMembers,
  isMember,
} from './definitions/group-members.js';
export { loadEndpoints } from './definitions/load-endpoints.js';
export { explainMissing, selectEndpoint } from './definitions/select-endpoint.js';
export { UriTemplate } from './definitions/uri-template.js';
