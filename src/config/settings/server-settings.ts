import type { LogFormat } from '../../logging/index.js';

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
