import { type Setting, type SettingName, SETTINGS } from '../settings/index.js';
import type { Completion, OptionSpec } from './command/command.js';

const REPEATABLE: ReadonlySet<SettingName> = new Set(['envFiles']);
const FILES: ReadonlySet<SettingName> = new Set(['config', 'envFiles', 'adminSocket', 'adminProbeSocket', 'python']);

/** The command line options of these settings, as the table of settings declares them. */
export function toOptions(names: readonly SettingName[]): readonly OptionSpec[] {
  return names.flatMap((name) => {
    const setting: Setting<unknown> = SETTINGS[name];
    if (setting.flag === undefined) return [];
    const completes = completionOf(name, setting);
    const option: OptionSpec = {
      flags: setting.flag,
      doc: withDefault(setting),
      repeatable: REPEATABLE.has(name),
      ...(completes === undefined ? {} : { completes }),
    };
    // `--admin` only switches on; this one overrides an environment that switches on.
    return name === 'admin' ? [option, { flags: '--no-admin', doc: 'Do not open the admin socket.' }] : [option];
  });
}

/** The table of settings in the documentation has a column of its own for the default. */
function withDefault({ doc, flag = '', fallback = '' }: Setting<unknown>): string {
  if (fallback === '' || !flag.includes('<')) return doc;
  return doc.replace(/\.$/, `; default: ${/^\d/.test(fallback) ? fallback : `\`${fallback}\``}.`);
}

function completionOf(name: SettingName, { flag = '', kind }: Setting<unknown>): Completion | undefined {
  if (FILES.has(name)) return 'file';
  if (name === 'projectDir') return 'folder';
  if (name === 'profile') return 'profile';
  return flag.includes('<') ? kind.values : undefined;
}

/** Also accepted before the command: `mxcp -C ~/sales serve`. */
export const WHERE_THE_PROJECT_IS = toOptions(['projectDir', 'config']);
