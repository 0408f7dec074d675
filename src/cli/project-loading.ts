import { loadSettings, type ServerSettings } from '../config/settings/index.js';
import type { ResolvedConfig } from '../config/index.js';
import { formatProblem } from '../errors/index.js';
import { Scrubber } from '../logging/index.js';
import { loadConfig } from '../server/project/index.js';
import type { CommandContext, Options } from './command.js';
import { toSettingFlags } from './setting-options.js';

/** Throws `usage`, `project_not_found`. */
export function loadProjectSettings(options: Options, { env, cwd }: CommandContext): ServerSettings {
  return loadSettings({ flags: toSettingFlags(options), env, cwd });
}

/**
 * The configuration of the project on the same path as the server takes. From here on its secret values are kept out of
 * everything that goes to standard error. Throws what loading a configuration throws.
 */
export async function loadProjectConfig(
  settings: ServerSettings,
  { env, output }: CommandContext,
): Promise<ResolvedConfig> {
  const config = await loadConfig(settings, env);
  const scrubber = new Scrubber();
  scrubber.register(config.secretValues.map((secret) => secret.reveal()));
  output.scrubWith((text) => scrubber.scrub(text));
  for (const warning of config.warnings) output.warn(`Warning: ${formatProblem(warning)}`);
  return config;
}
