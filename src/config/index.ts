export type { ConfigTemplate } from './config-template.js';
export { parseYaml, YamlSource, type KeyPath } from './files/yaml-source.js';
export { loadConfigTemplate, loadEndpointFolders } from './load-config-template.js';
export { redactText } from './redact.js';
export { failedReferences, type FailedReference } from './references/reference-failure.js';
export {
  compareReferences,
  findRestartRequired,
  withReloadable,
} from './reload-comparison.js';
export { RELOAD_TABLE } from './reload-table.js';
export { resolveConfig } from './resolve-config.js';
export { assertProtections } from './resolve/assert-protections.js';
export type {
  ExtensionDefinition,
  LoggingConfig,
  ResolvedConfig,
  SecretDefinition,
  SecretParameter,
} from './resolved-config.js';
export { Secret } from './secret.js';
export { loadAdminSettings, loadSettings } from './settings/load-settings.js';
export type { ServerSettings } from './settings/server-settings.js';
export { SETTINGS, type Setting, type SettingFlags } from './settings/settings-table.js';
