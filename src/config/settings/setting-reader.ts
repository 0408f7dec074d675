import type { Setting } from './settings-table.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads settings from flags, then from the environment, and collects what it does not understand, so that one run
 * names every mistake. An empty variable counts as not set.
 */
export class SettingReader {
  readonly problems: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  read<T>(setting: Setting<T>, flag: unknown): T | undefined {
    const given = this.#given(setting, flag) ?? setting.fallback;
    return given === undefined ? undefined : setting.kind.parse(given);
  }

  /** For a setting whose table row has a fallback. */
  require<T>(setting: Setting<T> & { readonly fallback: string }, flag: unknown): T {
    const value = this.read(setting, flag) ?? setting.kind.parse(setting.fallback);
    if (value === undefined) throw new Error(`the fallback ${setting.fallback} of a setting does not parse`);
    return value;
  }

  /** Where the value came from, as a person would name it; `undefined` when nobody gave one. */
  namedBy(setting: Setting<unknown>, flag: unknown): string | undefined {
    if (flag !== undefined) return setting.flag?.split(' ')[0] ?? 'an option';
    return this.#fromEnvironment(setting) === undefined ? undefined : setting.variable;
  }

  /** The text that was given, or `undefined` when there is none or it was refused, which is then a problem. */
  #given(setting: Setting<unknown>, flag: unknown): string | undefined {
    const given = flag === undefined ? this.#fromEnvironment(setting) : flagText(flag);
    if (given === undefined || setting.kind.parse(given) !== undefined) return given;
    const name = this.namedBy(setting, flag) ?? '';
    this.problems.push(`${name} must be ${setting.kind.allowed}, not ${quote(given)}`);
    return undefined;
  }

  #fromEnvironment(setting: Setting<unknown>): string | undefined {
    const value = setting.variable === undefined ? undefined : this.#env[setting.variable]?.trim();
    return value === '' ? undefined : value;
  }
}

function flagText(flag: unknown): string {
  if (Array.isArray(flag)) return flag.join(':');
  return typeof flag === 'string' ? flag.trim() : String(flag);
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
