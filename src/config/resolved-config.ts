import type { Problem, SourcePosition } from '../errors/index.js';
import type { ReadFile } from '../files/index.js';
import type { LoggingConfig } from '../logging/index.js';
import type { Concealed, ResolvedReference, Secret } from '../secrets/index.js';
import type { Environment } from '../settings/index.js';

/** What a secret parameter holds: text is always wrapped, also when it stands literally in the file. */
export type SecretParameter = Secret | number | boolean | readonly SecretParameter[] | SecretParameterMap;
export interface SecretParameterMap {
  readonly [key: string]: SecretParameter;
}

/** One entry of `projects.<project>.profiles.<profile>.secrets` of the user configuration. */
export interface SecretDefinition {
  readonly name: string;
  readonly type: string;
  readonly parameters: SecretParameterMap;
  /** Where it stands in the user configuration. */
  readonly declaredAt?: SourcePosition | undefined;
}

export interface ExtensionDefinition {
  readonly name: string;
  readonly repository?: 'community' | 'core_nightly' | undefined;
  /** Where it stands in `mxcp-site.yml`. */
  readonly declaredAt?: SourcePosition | undefined;
}

export interface DatabaseConfig {
  readonly path: string;
  readonly readonly: boolean;
  /** What names the path; undefined when it is the default. */
  readonly declaredAt: SourcePosition | undefined;
}

export interface TransportConfig {
  readonly provider: 'streamable-http' | 'stdio';
  readonly host: string;
  readonly port: number;
  readonly stateless: boolean;
  /** Host names the listener answers to besides loopback ones; empty means no restriction when bound wider than loopback. */
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

/** A value of a configuration file, as JSON knows it. */
export type ConfigValue = string | number | boolean | null | readonly ConfigValue[] | ConfigObject;
export interface ConfigObject {
  readonly [key: string]: ConfigValue;
}

/** Both files as code sees them: the keys that are written there, with the values of the references of the active profile. */
export interface ConfigFiles {
  /** With the absolute paths of the active profile. */
  readonly site: ConfigObject;
  /** Without the profiles that are not active, and `{}` when there is no such file. */
  readonly user: ConfigObject;
}

/** What Python code runs with. */
export interface PythonConfig {
  /** Absolute, or a name to be found in `PATH`; undefined when the project decides. */
  readonly interpreter: string | undefined;
  readonly workers: number;
}

/** Something the configuration asks for and this version does not have. */
export interface UnavailableSetting {
  /** `protection_unavailable` for what keeps somebody out or writes down what happened. */
  readonly code: 'protection_unavailable' | 'feature_unavailable';
  readonly problem: Problem;
}

/**
 * The configuration a generation runs on: both files, defaults, environment and flags applied, every reference of the
 * active profile resolved. Deeply frozen.
 */
export interface ResolvedConfig {
  readonly project: string;
  readonly profile: string;
  /** Absolute path of the folder that holds `mxcp-site.yml`. */
  readonly projectRoot: string;
  readonly configFiles: readonly string[];
  readonly envFiles: readonly string[];
  /** Every file that was read for this configuration, also where there was none. */
  readonly readFiles: readonly ReadFile[];
  readonly loadedAt: Date;
  /** How often references are resolved anew without being asked; null is never. */
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
  /** What `${NAME}` sees: the env files over the environment of the process. */
  readonly environment: Concealed<Environment>;
  readonly files: Concealed<ConfigFiles>;
  readonly transport: TransportConfig;
  readonly logging: LoggingConfig;
  readonly features: { readonly auditLogging: boolean; readonly telemetry: boolean };
  readonly references: readonly ResolvedReference[];
  /**
   * Every setting that only a restart applies, by dotted path, as it prints in a report: a value that came from a
   * reference, or that is secret by its nature, prints as `[secret]`. `identity` is what is compared, so that a change
   * behind `[secret]` is still seen; it holds a keyed hash, never a secret value.
   */
  readonly restartOnly: ReadonlyMap<string, { readonly display: unknown; readonly identity: string }>;
  /** Every secret text of this configuration, for the scrubber. */
  readonly secretValues: readonly Secret[];
  /** What a person should look at and what stops nothing. */
  readonly warnings: readonly Problem[];
  /** `assertProtections` refuses to start on any of these. */
  readonly unavailable: readonly UnavailableSetting[];
}
