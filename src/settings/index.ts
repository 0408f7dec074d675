export { SITE_FILE_NAME, findProjectRoot, loadAdminSettings, loadSettings } from './load-settings.js';
export { type Environment, type ServerSettings, SettingReader } from './server-settings.js';
export { SETTINGS, type Setting, type SettingName } from './settings-table.js';
