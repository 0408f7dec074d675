export type { ConfigTemplate } from './config-template.js';
export { parseYaml, YamlSource, type KeyPath, type YamlParseResult } from './files/yaml-source.js';
export { loadConfigTemplate, loadEndpointFolders } from './load-config-template.js';
export { redactText } from './redact.js';
export { failedReferences, type FailedReference } from './references/reference-failure.js';
export {
  compareReferences,
  findRestartRequired,
  withReloadable,
  type ReferenceComparison,
  type SettingDifference,
} from './reload-comparison.js';
export { RELOAD_TABLE, type ReloadRow } from './reload-table.js';
export { resolveConfig, type ResolveConfigInput } from './resolve-config.js';
export { assertProtections } from './resolve/assert-protections.js';
export type {
  ExtensionDefinition,
  LoggingConfig,
  ReferenceSource,
  ResolvedConfig,
  ResolvedReference,
  SecretDefinition,
  SecretParameter,
  SecretParameterMap,
  SqlToolsConfig,
  TransportConfig,
  UnavailableSetting,
} from './resolved-config.js';
export { Secret } from './secret.js';
export { loadAdminSettings, loadSettings, type SettingsInput } from './settings/load-settings.js';
export type {
  AdminSettings,
  ServerSettings,
  SocketSettings,
  UnknownVariable,
} from './settings/server-settings.js';
export { SETTINGS, type Setting, type SettingFlags, type SettingName } from './settings/settings-table.js';
