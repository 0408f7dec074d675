export { CallRates } from './calling/rate-limits.js';
export { CallAudit } from './calling/call-audit.js';
export { CallLog, declaredName } from './calling/call-log.js';
export { checkEndpoints, findPythonTargets, findResourcePatterns, withFailures } from './calling/check-endpoints.js';
export { EndpointGroups, groupNotFound } from './calling/endpoint-groups.js';
export {
  type EndpointListings,
  EndpointSet,
  type PromptListing,
  type ResourceListing,
  type ToolListing,
} from './calling/endpoint-set.js';
export { createSqlTools } from './calling/sql-tools.js';
export {
  type ExplainedEndpoint,
  explainPolicies,
  type PolicyExplanation,
  toExplained,
} from './calling/explain-policies.js';
export { explainRows, type RowExplanation } from './calling/explain-rows.js';
export type { Completion, CompletionRequest } from './calling/complete-argument.js';
export type { CallContext } from './calling/call-context.js';
export { KeptResults } from './calling/kept-results.js';
export { findLargeAnswers } from './calling/large-answers.js';
export { type EndpointCalls, LiveEndpointCalls } from './calling/live-endpoint-calls.js';
export type { PromptMessage } from './calling/render-prompt.js';
export type { ResourceText } from './calling/resource-text.js';
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
export { type Client, CLIENTS } from './definitions/client-rules.js';
export { type ClientFinding, lintForClients } from './definitions/lint-for-clients.js';
export { LINT_SEVERITIES, type LintFinding, type LintSeverity, lintEndpoints } from './definitions/lint-endpoints.js';
export {
  assertGroups,
  findGroupProblems,
  findMembers,
  isMember,
} from './definitions/group-members.js';
export { loadEndpoints } from './definitions/load-endpoints.js';
export { explainMissing, selectEndpoint } from './definitions/select-endpoint.js';
export { UriTemplate } from './definitions/uri-template.js';
