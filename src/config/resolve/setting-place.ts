import type { SourcePosition } from '../../errors/index.js';
import type { ConfigTemplate } from '../config-template.js';
import type { KeyPath } from '../yaml/yaml-source.js';
import type { ServerSettings } from '../settings/server-settings.js';

/** Where a value stands that came from an option or a variable: in no file, so its name is the place. */
export function settingPlace(name: string): SourcePosition {
  return { file: name };
}

/** Where a value of the user configuration stands, or would stand if there were one. */
export function userPosition(
  { userSource }: Pick<ConfigTemplate, 'userSource'>,
  settings: ServerSettings,
  path: KeyPath,
): SourcePosition {
  return userSource?.positionOf(path) ?? { file: settings.userConfigFile };
}
