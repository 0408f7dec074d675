import type { Setting } from './settings-table.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads settings from flags, then from the environment, and collects what it does not understand, so that one run
 * names every mistake. An empty variable counts as not set. An empty option is a mistake, most often a variable of a shell
 * that has no value.
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
    const texts = textsOf(flag);
    const given = flag === undefined ? this.#fromEnvironment(setting) : texts.join(':');
    if (given === undefined) return undefined;
    const problem = texts.includes('') ? EMPTY : judge(setting, given);
    if (problem === undefined) return given;
    this.problems.push(`${this.namedBy(setting, flag) ?? ''} ${problem}`);
    return undefined;
  }

  #fromEnvironment(setting: Setting<unknown>): string | undefined {
    const value = setting.variable === undefined ? undefined : this.#env[setting.variable]?.trim();
    return value === '' ? undefined : value;
  }
}

const EMPTY = 'must not be empty; give it a value, or leave it out';

/** Undefined for a text that is understood. */
function judge({ kind }: Setting<unknown>, given: string): string | undefined {
  return kind.parse(given) === undefined ? `must be ${kind.allowed}, not ${quote(given)}` : undefined;
}

/** What was typed: one text for each time that the option was given. */
function textsOf(flag: unknown): readonly string[] {
  if (flag === undefined) return [];
  return (Array.isArray(flag) ? flag : [flag]).map((text) => String(text).trim());
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
