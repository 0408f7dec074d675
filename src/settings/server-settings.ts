import type { LogFormat } from '../logging/index.js';
import type { Setting } from './settings-table.js';

export interface SocketSettings {
  /** Absolute. */
  readonly path: string;
  readonly mode: number;
  /** Name or number. */
  readonly group?: string | undefined;
}

export interface AdminSettings {
  readonly enabled: boolean;
  /** Absolute. */
  readonly socketPath: string;
  readonly socketPathIsDefault: boolean;
  readonly mode: number;
  readonly group?: string | undefined;
  readonly strict: boolean;
  readonly probe?: SocketSettings | undefined;
}

/** A variable that begins with `MXCP_` and that nothing reads. */
export interface UnknownVariable {
  readonly name: string;
  readonly nearest?: string | undefined;
}

/**
 * What the command line and the environment say, read once when the process starts. Frozen. `undefined` means that a
 * configuration file decides.
 */
export interface ServerSettings {
  readonly cwd: string;
  /** Absolute path of the folder that holds `mxcp-site.yml`. */
  readonly projectRoot: string;
  readonly siteFile: string;
  /** Absolute. Missing is fine unless somebody named it. */
  readonly userConfigFile: string;
  readonly userConfigNamed: boolean;
  /** Absolute, in the order they are read. */
  readonly envFiles: readonly string[];
  readonly profile: string | undefined;
  /** `--profile` or `MXCP_PROFILE`, whichever named the profile. */
  readonly profileNamedBy: string | undefined;
  readonly readonly: boolean | undefined;
  readonly debug: boolean;
  /** Absolute, or a name that only DuckDB understands (`:memory:`). */
  readonly duckdbPath: string | undefined;
  readonly auditEnabled: boolean | undefined;
  readonly telemetryEnabled: boolean | undefined;
  readonly transport: 'streamable-http' | 'stdio' | 'sse' | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly stateless: boolean | undefined;
  readonly sqlTools: boolean | undefined;
  readonly ignoreErrors: boolean;
  /** Absolute, or a name to be found in `PATH`; undefined when the project decides. */
  readonly python: string | undefined;
  readonly pythonWorkers: number;
  readonly admin: AdminSettings;
  readonly reloadDefinitions: boolean;
  readonly watch: boolean;
  /** 0 disables waiting. */
  readonly waitForSecretsMs: number;
  readonly maxConcurrentCalls: number;
  readonly maxQueuedCalls: number;
  /** From the arrival of a call to its end, waiting included. 0 disables the limit. */
  readonly callTimeoutMs: number;
  readonly maxResultBytes: number;
  readonly reloadResolveTimeoutMs: number;
  readonly reloadDrainTimeoutMs: number;
  readonly reloadHoldTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly logFormat: LogFormat;
  readonly unknownVariables: readonly UnknownVariable[];
}

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
