import type { Problem, SourcePosition } from '../errors/index.js';
import type { ReadFile } from '../files/index.js';
import type { LoggingConfig } from '../logging/index.js';
import type { Concealed, ResolvedReference, Secret } from '../secrets/index.js';
import type { Environment } from '../settings/index.js';
import type { RestartOnlySetting } from './schema-keys.js';

/** The value of a secret's parameter. Text is always wrapped, even if it is a literal in the file. */
export type SecretParameter = Secret | number | boolean | readonly SecretParameter[] | SecretParameterMap;
export interface SecretParameterMap {
  readonly [key: string]: SecretParameter;
}

/** One entry of `projects.<project>.profiles.<profile>.secrets` of the user configuration. */
export interface SecretDefinition {
  readonly name: string;
  readonly type: string;
  readonly parameters: SecretParameterMap;
  /** The position in the user configuration. */
  readonly declaredAt?: SourcePosition | undefined;
}

export interface ExtensionDefinition {
  readonly name: string;
  readonly repository?: 'community' | 'core_nightly' | undefined;
  /** The position in `mxcp-site.yml`. */
  readonly declaredAt?: SourcePosition | undefined;
}

export interface DatabaseConfig {
  readonly path: string;
  readonly readonly: boolean;
  /** The key, option or variable that names the path; undefined for the default path. */
  readonly declaredAt: SourcePosition | undefined;
}

export interface TransportConfig {
  readonly provider: 'streamable-http' | 'stdio';
  readonly host: string;
  readonly port: number;
  readonly stateless: boolean;
  /** Host names that the listener accepts besides loopback ones; if empty and bound beyond loopback, it accepts any. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
}

export interface SqlToolsConfig {
  readonly enabled: boolean;
  /** Descriptions that replace the built-in ones. */
  readonly descriptions: {
    readonly executeSqlQuery?: string | undefined;
    readonly listTables?: string | undefined;
    readonly getTableSchema?: string | undefined;
  };
}

/** A value of a configuration file, as JSON. */
export type ConfigValue = string | number | boolean | null | readonly ConfigValue[] | ConfigObject;
export interface ConfigObject {
  readonly [key: string]: ConfigValue;
}

/** Both files as Python code sees them: the keys that are written there, with the values of the active profile's references. */
export interface ConfigFiles {
  /** With the absolute paths of the active profile. */
  readonly site: ConfigObject;
  /** Without the profiles that are not active; `{}` if there is no such file. */
  readonly user: ConfigObject;
}

/** How Python workers are started. */
export interface PythonConfig {
  /** Absolute, or a name to find in `PATH`; undefined if the project decides. */
  readonly interpreter: string | undefined;
  readonly workers: number;
}

/** Something that the configuration asks for and this version does not have. */
export interface UnavailableSetting {
  /** `protection_unavailable` for access control and for audit logs. */
  readonly code: 'protection_unavailable' | 'feature_unavailable';
  readonly problem: Problem;
}

/**
 * The configuration of a generation: both files with defaults, overridden by options and variables, with the references of the
 * active profile resolved. Deeply frozen.
 */
export interface ResolvedConfig {
  readonly project: string;
  readonly profile: string;
  /** The folder that holds `mxcp-site.yml`, absolute. */
  readonly projectRoot: string;
  readonly configFiles: readonly string[];
  readonly envFiles: readonly string[];
  /** Every file that was read for this configuration, including missing ones. */
  readonly readFiles: readonly ReadFile[];
  readonly loadedAt: Date;
  /** The interval at which references are resolved again without a request; null for never. */
  readonly refreshMs: number | null;
  readonly duckdb: DatabaseConfig;
  readonly extensions: readonly ExtensionDefinition[];
  readonly secrets: readonly SecretDefinition[];
  /** Absolute paths of the endpoint folders. */
  readonly paths: {
    readonly tools: string;
    readonly resources: string;
    readonly prompts: string;
    readonly python: string;
    readonly sql: string;
  };
  readonly sqlTools: SqlToolsConfig;
  readonly python: PythonConfig;
  /** The environment for `${NAME}`: the env files, which win, and the environment of the process. */
  readonly environment: Concealed<Environment>;
  readonly files: Concealed<ConfigFiles>;
  readonly transport: TransportConfig;
  readonly logging: LoggingConfig;
  readonly features: { readonly auditLogging: boolean; readonly telemetry: boolean };
  readonly references: readonly ResolvedReference[];
  /** The settings that only a restart applies, by dotted path. */
  readonly restartOnly: ReadonlyMap<string, RestartOnlySetting>;
  /** Every secret text of this configuration, for the scrubber. */
  readonly secretValues: readonly Secret[];
  /** Likely mistakes that do not prevent a start. */
  readonly warnings: readonly Problem[];
  /** `assertProtections` refuses any of these. */
  readonly unavailable: readonly UnavailableSetting[];
}
