export { assertProtections } from './check-config.js';
export { type ConfigTemplate, checkNamedProfile, loadConfigTemplate } from './config-template.js';
export { loadEndpointFolders } from './effective-config.js';
export {
  compareFailedReferences,
  compareReferences,
  findRestartRequired,
  withReloadable,
} from './reload-effects.js';
export { resolveConfig } from './resolve-config.js';
export type {
  ConfigObject,
  ExtensionDefinition,
  ResolvedConfig,
  SecretDefinition,
  SecretParameter,
} from './resolved-config.js';
