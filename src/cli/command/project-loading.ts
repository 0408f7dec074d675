import type { ResolvedConfig } from '../../config/index.js';
import { formatProblem, visibleLines } from '../../errors/index.js';
import { createLogger, type Logger, Scrubber } from '../../logging/index.js';
import { loadConfig } from '../../project/index.js';
import { loadSettings, type ServerSettings } from '../../settings/index.js';
import type { Output } from '../terminal/output.js';
import type { CommandContext, Options } from './command.js';

/**
 * Throws `usage`, `project_not_found`. From here on the process is in the folder of the project, because DuckDB resolves relative
 * paths against it: `read_csv('raw/a.csv')` finds the same file from wherever the command is run. Paths of the command line are
 * resolved against the `cwd` of the context.
 */
export function loadProjectSettings(options: Options, { env, cwd }: CommandContext): ServerSettings {
  const settings = loadSettings({ flags: toSettingFlags(options), env, cwd });
  process.chdir(settings.projectRoot);
  return settings;
}

/** Commander names an option after its flag; `envFiles` is the only setting with another name than its flag. */
export function toSettingFlags({ envFile, ...options }: Options): Options {
  return envFile === undefined ? options : { ...options, envFiles: envFile };
}

/**
 * Loads the configuration as the server does. From here on, its secret values are removed from everything that goes to
 * standard error. Throws the errors of loading a configuration.
 */
export async function loadProjectConfig(
  settings: ServerSettings,
  { env, output }: CommandContext,
): Promise<ResolvedConfig> {
  const config = await loadConfig(settings, env);
  const scrubber = new Scrubber();
  scrubber.register(config.secretValues.map((secret) => secret.reveal()));
  output.scrubWith((text) => scrubber.scrub(text));
  for (const warning of config.warnings) output.warn(`Warning: ${visibleLines(formatProblem(warning))}`);
  return config;
}

/** For what Python code prints and warns while a command runs: it goes to standard error in the format of a server log. */
export function createCommandLogger(output: Output, { debug, logFormat }: ServerSettings): Logger {
  return createLogger({
    level: debug ? 'debug' : 'info',
    format: logFormat,
    // The output has the scrubber that knows the secrets.
    scrubber: new Scrubber(),
    sinks: [(line) => output.writeError(line)],
  });
}
