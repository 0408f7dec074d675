export {
  type Environment,
  SITE_FILE_NAME,
  type ServerSettings,
  isDebug,
  loadAdminSettings,
  loadSettings,
} from './load-settings.js';
export { parseByteSize } from './setting-kinds.js';
export { SETTINGS, type Setting, type SettingName } from './settings-table.js';
