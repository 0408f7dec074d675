export { checkEndpoints, withFailures } from './calling/check-endpoints.js';
export type {
  CallContext,
  EndpointCalls,
  EndpointListings,
  PromptListing,
  ResourceListing,
  ResourceText,
  ToolListing,
} from './calling/endpoint-calls.js';
export { EndpointSet } from './calling/endpoint-set.js';
export { LiveEndpointCalls } from './calling/live-endpoint-calls.js';
export { type EndpointRunResult, runEndpoint } from './calling/run-endpoint.js';
export {
  type EndpointCatalog,
  type EndpointFailure,
  type EndpointKind,
  findPythonTargets,
} from './definitions/endpoint-definition.js';
export { findDefinitionChanges } from './definitions/definition-files.js';
export { loadEndpoints } from './definitions/load-endpoints.js';
export { selectEndpoint } from './definitions/select-endpoint.js';
