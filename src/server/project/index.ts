/* The parts of the server that work on a project, also without a server: neither MCP nor the admin API is loaded here. */
export { checkProject, type ProjectCheck } from './check-project.js';
export { endpointReport } from './endpoint-report.js';
export { GenerationBuilder, type CheckableContents, type GenerationSpec } from './generation-builder.js';
export { loadConfig } from './load-config.js';
export { openProject } from './open-project.js';
export { runInitHooks } from './run-init-hooks.js';
export type { Serving } from './serving.js';
