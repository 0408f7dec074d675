import { loadEndpointFolders, type ResolvedConfig, type ServerSettings } from '../../config/index.js';
import {
  checkEndpoints,
  EndpointSet,
  findPythonTargets,
  loadEndpoints,
  withFailures,
  type EndpointCatalog,
} from '../../endpoints/index.js';
import { MxcpError, type Problem } from '../../errors/index.js';
import type { Logger } from '../../logging/index.js';
import { loadConfig } from './load-config.js';
import { openProject, type OpenProjectOptions } from './open-project.js';

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
