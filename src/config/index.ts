export { checkNamedProfile } from './active-profile.js';
export { loadEndpointFolders } from './effective-config.js';
export { type ConfigTemplate, loadConfigTemplate } from './load-config.js';
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
export { assertProtections } from './unavailable-settings.js';
