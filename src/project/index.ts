export { type ProjectCheck, checkProject, endpointReport, loadConfig, openProject } from './check-project.js';
export {
  type CheckableContents,
  GenerationBuilder,
  type GenerationSpec,
  type Serving,
  runInitHooks,
} from './generation-builder.js';
