import { assertProtections, loadConfigTemplate, resolveConfig, type ResolvedConfig } from '../config/index.js';
import { DatabaseRegistry } from '../duckdb/index.js';
import type { EndpointFailure } from '../endpoints/index.js';
import { formatProblem, type MxcpError, plural, problemsError } from '../errors/index.js';
import { type Generation, raceSignal } from '../lifecycle/index.js';
import { type Logger, Scrubber } from '../logging/index.js';
import type { SecretStores } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import { GenerationBuilder, type GenerationSpec, type GenerationContents } from './generation-builder.js';

export interface LoadConfigOptions {
  readonly signal?: AbortSignal | undefined;
  readonly stores?: SecretStores | undefined;
  /** The active configuration: its project and profile stay. */
  readonly previous?: ResolvedConfig | undefined;
}

/** Reads and resolves both configuration files. Throws `config_invalid`, `reference_unresolved`, `protection_unavailable`, …. */
export async function loadConfig(
  settings: ServerSettings,
  env: NodeJS.ProcessEnv,
  options: LoadConfigOptions = {},
): Promise<ResolvedConfig> {
  const { signal, stores, previous } = options;
  const reading = loadConfigTemplate(settings, { addedSchemes: stores?.schemes, running: previous });
  const config = await resolveConfig(await raceSignal(reading, signal), { env, ...options });
  assertProtections(config);
  return config;
}

export interface OpenProjectOptions extends Pick<GenerationSpec, 'targets' | 'resources' | 'endpointsOn'> {
  /** Whether the hooks of its Python code run. */
  readonly hooks: boolean;
  readonly logger: Logger;
  readonly onWarning?: ((message: string) => void) | undefined;
  /** The server in whose process a project is only checked: its database is shared, and no secret takes effect. */
  readonly server?: CheckingServer | undefined;
}

export interface CheckingServer {
  readonly databases: DatabaseRegistry;
  readonly scrubber: Scrubber;
  readonly signal: AbortSignal;
}

/**
 * Opens a project for a command that is not a server, or for a check by a server. Throws what opening the database, starting
 * Python and `endpointsOn` throw. The caller disposes it, which closes the database.
 */
export function openProject(
  config: ResolvedConfig,
  { targets, resources, endpointsOn, hooks, logger, onWarning, server }: OpenProjectOptions,
): Promise<Generation<GenerationContents>> {
  const builder = new GenerationBuilder({
    databases: server?.databases ?? new DatabaseRegistry(),
    scrubber: server?.scrubber ?? new Scrubber(),
    logger,
    onWarning,
    requestReload: ({ payload }) => {
      void payload?.release();
      logger.warn('reload_duckdb() has no effect here: no server is running');
    },
  });
  // A command makes at most one call.
  const python = { ...config.python, workers: 1 };
  const spec = { config: { ...config, python }, targets, resources, endpointsOn };
  return server === undefined
    ? builder.buildFirst(spec, { hooks })
    : builder.build({ ...spec, number: 0, signal: server.signal });
}

/**
 * One report of all problems of endpoints that cannot be served, each problem once, even if endpoints share a Python file.
 * `context` follows the count: what a person should know before looking at the files.
 */
export function endpointReport(failures: readonly EndpointFailure[], context = ''): MxcpError {
  const problems = failures.flatMap((failure) => failure.problems);
  const distinct = new Map(problems.map((problem) => [formatProblem(problem), problem]));
  // Endpoints that share a file share its problems, which are listed once.
  const shared = distinct.size < failures.length ? `, all from ${plural(distinct.size, 'problem')}` : '';
  const summary = `Found ${plural(failures.length, 'endpoint')} with errors${shared}${context}`;
  return problemsError('endpoint_invalid', summary, [...distinct.values()]);
}
