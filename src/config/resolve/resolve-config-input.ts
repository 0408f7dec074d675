import type { SecretStores } from '../references/secret-stores.js';
import type { ResolvedConfig } from '../resolved-config.js';
import type { ServerSettings } from '../settings/server-settings.js';
import type { Environment } from '../settings/setting-reader.js';

/** What a configuration is resolved with, beside its files. */
export interface ResolveConfigInput {
  readonly settings: ServerSettings;
  /** The environment of the process. */
  readonly env: Environment;
  readonly signal?: AbortSignal | undefined;
  /** Keeps logins from one resolve to the next; without it, each resolve logs in for itself. */
  readonly stores?: SecretStores | undefined;
  /** What serves now. Its project and profile stay, because only a restart changes them. */
  readonly previous?: ResolvedConfig | undefined;
}
