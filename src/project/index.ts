export { type ProjectCheck, checkProject } from './check-project.js';
export {
  type CheckableContents,
  GenerationBuilder,
  type GenerationContents,
  lowerThreads,
  runInitHooks,
  toDatabaseSpec,
} from './generation-builder.js';
export { toProjectReport } from './project-report.js';
export { endpointReport, loadConfig, openProject } from './open-project.js';
