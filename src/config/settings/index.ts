/*
 * What the command line needs, and no more: the rest of `config` loads a YAML parser and a schema library, which a command
 * that only asks a running server has no use for.
 */
export { loadAdminSettings, loadSettings } from './load-settings.js';
export { findProjectRoot } from './project-root.js';
export type { ServerSettings } from './server-settings.js';
export { SettingReader } from './setting-reader.js';
export { SETTINGS, type Setting, type SettingName } from './settings-table.js';
