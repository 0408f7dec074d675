import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { DUCKDB_TYPES, loadEndpointFolders, type ResolvedConfig } from '../config/index.js';
import { wouldCreate } from '../duckdb/index.js';
import {
  checkEndpoints,
  type EndpointCatalog,
  EndpointSet,
  findGroupProblems,
  findLargeAnswers,
  findPythonTargets,
  findResourcePatterns,
  loadEndpoints,
  withFailures,
} from '../endpoints/index.js';
import { invalidConfig, MxcpError, type Problem, suggestion } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import type { SecretStores } from '../secrets/index.js';
import type { ServerSettings } from '../settings/index.js';
import { atDatabasePath } from './generation-builder.js';
import { type CheckingServer, loadConfig, openProject, type OpenProjectOptions } from './open-project.js';

export interface ProjectCheck {
  /** Undefined when the folders of the endpoints are unknown. */
  readonly catalog: EndpointCatalog | undefined;
  /** Problems of the two configuration files, the references and the profile. */
  readonly configError: MxcpError | undefined;
  /** Undefined when the configuration has errors. */
  readonly databasePath: string | undefined;
  /** Why the database could not be opened, for example because a running server holds it. */
  readonly databaseError: MxcpError | undefined;
  /** False when the statements of the endpoints were not checked on a database. */
  readonly isSqlChecked: boolean;
  readonly warnings: readonly Problem[];
}

export interface CheckProjectOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Receives what Python code prints while it is imported. */
  readonly logger: Logger;
  readonly stores?: SecretStores | undefined;
  /** The server that checks, if one does. */
  readonly server?: CheckingServer | undefined;
}

/** Checks everything in a project that can be checked, so that one error does not hide another. Throws only errors that are not the project's. */
export async function checkProject(
  settings: ServerSettings,
  { env, logger, stores, server }: CheckProjectOptions,
): Promise<ProjectCheck> {
  const config = await orError(loadConfig(settings, env, { stores, signal: server?.signal }));
  const folders = await orError(loadEndpointFolders(settings));
  const configError = config instanceof MxcpError ? config : undefined;
  const found = folders instanceof MxcpError ? undefined : await loadEndpoints(folders);
  const warnings: Problem[] = [...(config instanceof MxcpError ? [] : config.warnings), ...(found?.warnings ?? [])];
  if (config instanceof MxcpError || found === undefined) {
    const unchecked = { databaseError: undefined, isSqlChecked: false, databasePath: undefined };
    return { catalog: found, configError, ...unchecked, warnings };
  }
  warnings.push(...unknownEndpoints(config, found));
  const checked = await checkLoaded(found, config, { logger, server, warnings });
  // The groups are in a configuration file, and what they name may have errors too.
  const groups = findGroupProblems(config, checked.catalog, settings);
  return { ...checked, configError: groups.length === 0 ? undefined : invalidConfig(groups), warnings };
}

/** Everything but the configuration, which is known to be valid. */
async function checkLoaded(
  found: EndpointCatalog,
  config: ResolvedConfig,
  { logger, server, warnings }: Pick<CheckProjectOptions, 'logger' | 'server'> & { readonly warnings: Problem[] },
): Promise<Omit<ProjectCheck, 'catalog' | 'configError' | 'warnings'> & { readonly catalog: EndpointCatalog }> {
  const databasePath = config.duckdb.path;
  const onWarning = (text: string): void => void warnings.push(toWarning(text, config.paths.python));
  const onLarge = (problems: readonly Problem[]): void => void warnings.push(...problems);
  const check = (checked: ResolvedConfig) => checkOnDatabase(found, checked, { logger, onWarning, onLarge, server });
  const catalog = await orError(withoutCreating(config, check));
  if (!(catalog instanceof MxcpError)) return { catalog, databaseError: undefined, isSqlChecked: true, databasePath };
  const unchecked = { catalog: found, databaseError: catalog, isSqlChecked: false, databasePath };
  if (catalog.code !== 'extension_failed') return unchecked;
  const rest = await orError(withoutCreating(withoutExtensions(config, catalog), check));
  return rest instanceof MxcpError ? unchecked : { ...unchecked, catalog: rest, isSqlChecked: true };
}

/** What does not need the extensions that could not be loaded, nor the secrets that may need them, is checked all the same. */
function withoutExtensions(config: ResolvedConfig, { problems }: MxcpError): ResolvedConfig {
  const place = ({ line, column }: Partial<Problem> = {}): string => `${line}:${column}`;
  const failed = new Set(problems.map(place));
  const extensions = config.extensions.filter(({ declaredAt }) => !failed.has(place(declaredAt?.())));
  return { ...config, extensions, secrets: config.secrets.filter(({ type }) => !DUCKDB_TYPES.includes(type)) };
}

/**
 * Runs a check that opens the database. Where a start would create it, the check opens an empty one of the same name in a
 * temporary folder instead.
 */
async function withoutCreating<T>(config: ResolvedConfig, check: (config: ResolvedConfig) => Promise<T>): Promise<T> {
  const { path, readonly } = config.duckdb;
  const creates = await wouldCreate(path).catch((error: unknown) => {
    throw atDatabasePath(error, config);
  });
  if (readonly || !creates) return check(config);
  const folder = await mkdtemp(join(tmpdir(), 'mxcp-check-'));
  try {
    return await check({ ...config, duckdb: { ...config.duckdb, path: join(folder, basename(path)) } });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkOnDatabase(
  catalog: EndpointCatalog,
  config: ResolvedConfig,
  {
    onLarge,
    ...output
  }: Pick<OpenProjectOptions, 'logger' | 'onWarning' | 'server'> & {
    readonly onLarge: (problems: readonly Problem[]) => void;
  },
): Promise<EndpointCatalog> {
  const project = await openProject(config, {
    targets: findPythonTargets(catalog),
    resources: findResourcePatterns(catalog),
    hooks: false,
    ...output,
    endpointsOn: async (contents) => {
      const checked = withFailures(catalog, await checkEndpoints(catalog, contents));
      return new EndpointSet(checked, config.sqlTools);
    },
  });
  const { endpoints, database } = project.contents;
  try {
    onLarge(await findLargeAnswers(endpoints, database, config.answers));
  } finally {
    await project.dispose();
  }
  return endpoints.catalog;
}

async function orError<T>(work: Promise<T>): Promise<T | MxcpError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof MxcpError && error.code !== 'internal') return error;
    throw error;
  }
}

/** What `protect.unfiltered` lists and the project does not have is most likely misspelt, and its endpoint is filtered. */
function unknownEndpoints({ protection, configFiles }: ResolvedConfig, catalog: EndpointCatalog): Problem[] {
  const known = catalog.endpoints.flatMap((each) =>
    each.kind === 'prompt' ? [] : [`${each.kind}/${each.kind === 'resource' ? each.uri : each.name}`],
  );
  const failed = new Set(catalog.failures.map(({ kind, name }) => `${kind}/${name}`));
  return protection.unfiltered
    .filter((endpoint) => !known.includes(endpoint) && !failed.has(endpoint))
    .map((endpoint) => ({
      file: configFiles[0] ?? 'mxcp-site.yml',
      message: `\`protect.unfiltered\` lists "${endpoint}", which this project does not have${suggestion(endpoint, known)}`,
    }));
}

/** A warning of the Python workers begins with its position, if it has one. */
function toWarning(text: string, pythonFolder: string): Problem {
  const [, file, line, message] = /^(\S+\.py):(\d+): (.*)$/s.exec(text) ?? [];
  return file === undefined || message === undefined
    ? { file: pythonFolder, message: text }
    : { file, line: Number(line), message };
}
