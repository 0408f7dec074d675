export { CallGate } from './calling/call-gate.js';
export { checkEndpoints, withFailures } from './calling/check-endpoints.js';
export { EndpointSet } from './calling/endpoint-set.js';
export {
  LiveEndpointCalls,
  type CallReport,
  type LiveEndpointCallsOptions,
} from './calling/live-endpoint-calls.js';
export { runEndpoint, type EndpointRunResult } from './calling/run-endpoint.js';
export type {
  CallContext,
  EndpointCalls,
  PromptListing,
  ResourceListing,
  ResourceText,
  ShapedResult,
  ToolListing,
} from './calls.js';
export { Renderers } from './prompts/renderers.js';
export { findDefinitionChanges } from './definitions/find-definition-changes.js';
export type {
  EndpointCatalog,
  EndpointDefinition,
  EndpointFailure,
  EndpointKind,
} from './definitions/endpoint-definition.js';
export { findPythonTargets } from './definitions/find-python-targets.js';
export { loadEndpoints, type EndpointFolders } from './definitions/load-endpoints.js';
export { selectEndpoint } from './definitions/select-endpoint.js';
