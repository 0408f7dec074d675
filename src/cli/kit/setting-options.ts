import { type Setting, type SettingName, SETTINGS } from '../../settings/index.js';
import type { Options, OptionSpec } from './command.js';

const REPEATABLE: ReadonlySet<SettingName> = new Set(['envFiles']);
const FILES: ReadonlySet<SettingName> = new Set(['envFiles', 'adminSocket', 'adminProbeSocket', 'python']);
/** Commander names an option after its flag; where a setting has another name, this says which. */
const NAMES: Readonly<Record<string, SettingName>> = { envFile: 'envFiles' };

/** The command line options of these settings, as the table of settings declares them. */
export function toSettingOptions(names: readonly SettingName[]): readonly OptionSpec[] {
  return names.flatMap((name) => {
    const setting: Setting<unknown> = SETTINGS[name];
    if (setting.flag === undefined) return [];
    const completes = FILES.has(name) ? 'file' : setting.flag.includes('<') ? setting.kind.values : undefined;
    const option: OptionSpec = {
      flags: setting.flag,
      doc: setting.doc,
      repeatable: REPEATABLE.has(name),
      ...(completes === undefined ? {} : { completes }),
    };
    // `--admin` says on, so its opposite must be sayable where the environment says on.
    return name === 'admin'
      ? [option, { flags: '--no-admin', doc: 'Do not open the admin socket.' }]
      : [option];
  });
}

/** What commander parsed, under the names of the settings. */
export function toSettingFlags(options: Options): Options {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [NAMES[name] ?? name, value]));
}

export const ALL_SETTINGS = Object.keys(SETTINGS) as readonly SettingName[];
