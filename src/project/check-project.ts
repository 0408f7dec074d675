import {
  assertProtections,
  loadConfigTemplate,
  loadEndpointFolders,
  resolveConfig,
  type ResolvedConfig,
} from '../config/index.js';
import { DatabaseRegistry } from '../duckdb/index.js';
import {
  checkEndpoints,
  type EndpointCatalog,
  type EndpointFailure,
  EndpointSet,
  findPythonTargets,
  loadEndpoints,
  withFailures,
} from '../endpoints/index.js';
import { formatProblem, MxcpError, plural, type Problem, problemsError } from '../errors/index.js';
import { type Generation, raceSignal } from '../lifecycle/index.js';
import { type Logger, Scrubber } from '../logging/index.js';
import type { SecretStores } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import {
  GenerationBuilder,
  type GenerationBuilderOptions,
  type GenerationSpec,
  type Serving,
} from './generation-builder.js';

export interface ProjectCheck {
  /** Undefined when nobody can tell where the endpoints are. */
  readonly catalog: EndpointCatalog | undefined;
  /** What is wrong with the two configuration files, the references and the profile. */
  readonly configError: MxcpError | undefined;
  /** Why the database could not be opened, for example because a running server holds it. */
  readonly databaseError: MxcpError | undefined;
  /** False when the statements of the endpoints were not compared with a database. */
  readonly isSqlChecked: boolean;
  readonly warnings: readonly Problem[];
}

export interface CheckProjectOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Where what Python code prints while it is imported goes. */
  readonly logger: Logger;
}

/** Checks all of a project that can be checked: one mistake hides no other. Throws only for what is not the project's fault. */
export async function checkProject(
  settings: ServerSettings,
  { env, logger }: CheckProjectOptions,
): Promise<ProjectCheck> {
  const config = await orError(loadConfig(settings, env));
  const folders = await orError(loadEndpointFolders(settings));
  const configError = config instanceof MxcpError ? config : undefined;
  const found = folders instanceof MxcpError ? undefined : await loadEndpoints(folders);
  const warnings: Problem[] = [
    ...(config instanceof MxcpError ? [] : config.warnings),
    ...(found?.warnings ?? []),
  ];
  if (config instanceof MxcpError || found === undefined) {
    return { catalog: found, configError, databaseError: undefined, isSqlChecked: false, warnings };
  }
  const onWarning = (text: string): void => void warnings.push(toWarning(text, config.paths.python));
  const catalog = await orError(checkOnDatabase(found, config, { logger, onWarning }));
  return catalog instanceof MxcpError
    ? { catalog: found, configError, databaseError: catalog, isSqlChecked: false, warnings }
    : { catalog, configError, databaseError: undefined, isSqlChecked: true, warnings };
}

async function checkOnDatabase(
  catalog: EndpointCatalog,
  config: ResolvedConfig,
  output: Pick<OpenProjectOptions, 'logger' | 'onWarning'>,
): Promise<EndpointCatalog> {
  const project = await openProject(config, {
    targets: findPythonTargets(catalog),
    hooks: false,
    ...output,
    endpointsOn: async (contents) => {
      const checked = withFailures(catalog, await checkEndpoints(catalog, contents));
      return new EndpointSet(checked, config.sqlTools);
    },
  });
  await project.dispose();
  return project.contents.endpoints.catalog;
}

async function orError<T>(work: Promise<T>): Promise<T | MxcpError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof MxcpError && error.code !== 'internal') return error;
    throw error;
  }
}

/** A warning of the Python workers begins with its place, where it has one. */
function toWarning(text: string, pythonFolder: string): Problem {
  const [, file, line, message] = /^(\S+\.py):(\d+): (.*)$/s.exec(text) ?? [];
  return file === undefined || message === undefined
    ? { file: pythonFolder, message: text }
    : { file, line: Number(line), message };
}

/**
 * One report that names everything that is wrong with endpoints that cannot be served: once, also when several share a
 * Python file. `context` stands behind the count: what a person should know before they look at the files.
 */
export function endpointReport(failures: readonly EndpointFailure[], context = ''): MxcpError {
  return problemsError(
    'endpoint_invalid',
    `Found ${plural(failures.length, 'endpoint')} with errors${context}`,
    distinct(failures.flatMap(({ problems }) => problems)),
  );
}

function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [formatProblem(problem), problem])).values()];
}

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

export interface OpenProjectOptions
  extends Pick<GenerationSpec, 'targets' | 'endpointsOn'>,
    Pick<GenerationBuilderOptions, 'logger' | 'onWarning'> {
  /** Whether the hooks of its Python code run. */
  readonly hooks: boolean;
}

/**
 * Opens a project for a command that serves nobody. Throws what opening the database and starting Python throw, and what
 * `endpointsOn` throws. The caller disposes it, which closes the database.
 */
export function openProject(
  config: ResolvedConfig,
  { targets, endpointsOn, hooks, logger, onWarning }: OpenProjectOptions,
): Promise<Generation<Serving>> {
  const builder = new GenerationBuilder({
    databases: new DatabaseRegistry(),
    scrubber: new Scrubber(),
    logger,
    onWarning,
    requestReload: ({ payload }) => {
      payload?.release();
      logger.warn('reload_duckdb() does nothing here: no server runs that could reload');
    },
  });
  // For one call at most.
  const python = { ...config.python, workers: 1 };
  return builder.buildFirst({ config: { ...config, python }, targets, endpointsOn }, { hooks });
}
