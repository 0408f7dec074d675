export { CallGate, type CallGateOptions } from './calling/call-gate.js';
export { checkEndpoints, withFailures } from './calling/check-endpoints.js';
export { EndpointSet } from './calling/endpoint-set.js';
export {
  LiveEndpointCalls,
  type CallableGeneration,
  type CallReport,
  type LiveEndpointCallsOptions,
} from './calling/live-endpoint-calls.js';
export { runEndpoint, type EndpointRun, type EndpointRunResult } from './calling/run-endpoint.js';
export type {
  CallContext,
  EndpointCalls,
  PromptListing,
  PromptMessage,
  ResourceListing,
  ResourceText,
  ShapedResult,
  ToolListing,
} from './calls.js';
export { compareCatalogs } from './definitions/compare-catalogs.js';
export type {
  DisabledEndpoint,
  EndpointCatalog,
  EndpointDefinition,
  EndpointFailure,
  EndpointKind,
  PromptDefinition,
  ResourceDefinition,
  ToolDefinition,
} from './definitions/endpoint-definition.js';
export { loadEndpoints, type EndpointFolders } from './definitions/load-endpoints.js';
