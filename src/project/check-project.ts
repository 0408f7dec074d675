import { loadEndpointFolders, type ResolvedConfig } from '../config/index.js';
import {
  checkEndpoints,
  type EndpointCatalog,
  EndpointSet,
  findPythonTargets,
  loadEndpoints,
  withFailures,
} from '../endpoints/index.js';
import { MxcpError, type Problem } from '../errors/index.js';
import type { Logger } from '../logging/index.js';
import type { ServerSettings } from '../settings/index.js';
import { loadConfig, openProject, type OpenProjectOptions } from './open-project.js';

export interface ProjectCheck {
  /** Undefined when the folders of the endpoints are unknown. */
  readonly catalog: EndpointCatalog | undefined;
  /** Problems of the two configuration files, the references and the profile. */
  readonly configError: MxcpError | undefined;
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
}

/** Checks everything in a project that can be checked, so that one error does not hide another. Throws only errors that are not the project's. */
export async function checkProject(
  settings: ServerSettings,
  { env, logger }: CheckProjectOptions,
): Promise<ProjectCheck> {
  const config = await orError(loadConfig(settings, env));
  const folders = await orError(loadEndpointFolders(settings));
  const configError = config instanceof MxcpError ? config : undefined;
  const found = folders instanceof MxcpError ? undefined : await loadEndpoints(folders);
  const warnings: Problem[] = [...(config instanceof MxcpError ? [] : config.warnings), ...(found?.warnings ?? [])];
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

/** A warning of the Python workers begins with its position, if it has one. */
function toWarning(text: string, pythonFolder: string): Problem {
  const [, file, line, message] = /^(\S+\.py):(\d+): (.*)$/s.exec(text) ?? [];
  return file === undefined || message === undefined
    ? { file: pythonFolder, message: text }
    : { file, line: Number(line), message };
}
