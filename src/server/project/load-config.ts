import {
  assertProtections,
  loadConfigTemplate,
  resolveConfig,
  type ResolvedConfig,
  type SecretStores,
  type ServerSettings,
} from '../../config/index.js';
import { raceSignal } from '../../lifecycle/index.js';

export interface LoadConfigOptions {
  readonly signal?: AbortSignal | undefined;
  readonly stores?: SecretStores | undefined;
  /** What serves now: its project and profile stay. */
  readonly previous?: ResolvedConfig | undefined;
}

/** Reads and resolves both configuration files. Throws `config_invalid`, `reference_unresolved`, `protection_unavailable`, …. */
export async function loadConfig(
  settings: ServerSettings,
  env: NodeJS.ProcessEnv,
  options: LoadConfigOptions = {},
): Promise<ResolvedConfig> {
  const reading = loadConfigTemplate(settings, {
    addedSchemes: options.stores?.schemes,
    running: options.previous,
  });
  const template = await raceSignal(reading, options.signal);
  const config = await resolveConfig(template, { settings, env, ...options });
  assertProtections(config);
  return config;
}
