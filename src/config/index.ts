export { checkNamedProfile } from './check-named-profile.js';
export type { ConfigTemplate } from './config-template.js';
export { byPosition } from './files/by-position.js';
export { createFolder } from './files/create-folder.js';
export { MISSING, readMark, type ReadFile } from './files/file-ledger.js';
export { DiskReader } from './files/disk-reader.js';
export { FileReadError } from './files/file-read-error.js';
export { decodeText } from './files/read-text-file.js';
export { parseYaml, YamlSource, type KeyPath } from './yaml/yaml-source.js';
export { isDatabaseFile } from './home-path.js';
export { loadConfigTemplate } from './load-config-template.js';
export { loadEndpointFolders } from './load-endpoint-folders.js';
export { redactText } from './redact.js';
export { leaseDueAt } from './references/lease.js';
export { canHeal, failedReferences } from './references/reference-failure.js';
export {
  compareFailedReferences,
  compareReferences,
  findRestartRequired,
  withReloadable,
} from './reload-comparison.js';
export type { ReferenceResolver, ResolvedValue } from './references/reference-resolver.js';
export { SecretStores } from './references/secret-stores.js';
export { RELOAD_TABLE } from './reload-table.js';
export { resolveConfig } from './resolve-config.js';
export { assertProtections } from './resolve/assert-protections.js';
export type {
  ConfigObject,
  ExtensionDefinition,
  LoggingConfig,
  ResolvedConfig,
  ResolvedReference,
  SecretDefinition,
  SecretParameter,
} from './resolved-config.js';
export { Secret } from './secret.js';
export { loadAdminSettings, loadSettings } from './settings/load-settings.js';
export type { ServerSettings } from './settings/server-settings.js';
export { SITE_FILE_NAME } from './settings/project-root.js';
export { SETTINGS, type Setting, type SettingFlags } from './settings/settings-table.js';
