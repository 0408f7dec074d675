export {
  type Environment,
  type ServerSettings,
  SITE_FILE_NAME,
  findProjectRoot,
  isDebug,
  loadAdminSettings,
  loadSettings,
} from './load-settings.js';
export { SETTINGS, type Setting, type SettingName } from './settings-table.js';
