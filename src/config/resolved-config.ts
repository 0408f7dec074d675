import type { Problem } from '../errors/index.js';
import type { ReadFile } from '../files/index.js';
import type { Concealed, ResolvedReference, Secret } from '../secrets/index.js';
import type { Environment } from '../settings/index.js';
import type { UnavailableSetting } from './check-config.js';
import type { SecretDefinition, toConfigFiles, toServerParts } from './effective-config.js';

/**
 * The configuration of a generation: both files with defaults, overridden by options and variables, with the references of the
 * active profile resolved. Deeply frozen.
 */
export interface ResolvedConfig extends Readonly<ReturnType<typeof toServerParts>> {
  readonly project: string;
  readonly profile: string;
  /** The folder that holds `mxcp-site.yml`, absolute. */
  readonly projectRoot: string;
  readonly configFiles: readonly string[];
  readonly envFiles: readonly string[];
  /** Every file that was read for this configuration, including missing ones. */
  readonly readFiles: readonly ReadFile[];
  readonly loadedAt: Date;
  readonly secrets: readonly SecretDefinition[];
  /** The environment for `${NAME}`: the env files, which win, and the environment of the process. */
  readonly environment: Concealed<Environment>;
  /** Both files as Python code sees them, without the profiles of the user configuration that are not active. */
  readonly files: Concealed<ReturnType<typeof toConfigFiles>>;
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

/** A setting that only a restart applies. */
export interface RestartOnlySetting {
  /** As reports print it: a secret, or a value that came from a reference, is `[secret]`. */
  readonly display: unknown;
  /** A keyed hash for comparison, so that a change behind `[secret]` is still detected. */
  readonly identity: string;
}
