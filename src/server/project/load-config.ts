import {
  assertProtections,
  loadConfigTemplate,
  resolveConfig,
  type ResolvedConfig,
  type ServerSettings,
} from '../../config/index.js';

/** Reads and resolves both configuration files. Throws `config_invalid`, `reference_unresolved`, `protection_unavailable`, …. */
export async function loadConfig(
  settings: ServerSettings,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<ResolvedConfig> {
  const template = await loadConfigTemplate(settings);
  const config = await resolveConfig(template, { settings, env, signal });
  assertProtections(config);
  return config;
}
