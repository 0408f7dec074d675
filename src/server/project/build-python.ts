import type { ResolvedConfig } from '../../config/index.js';
import { MxcpError } from '../../errors/index.js';
import { raceSignal } from '../../lifecycle/index.js';
import type { Logger, Scrubber } from '../../logging/index.js';
import {
  hasPythonFiles,
  PythonWorkers,
  type GenerationDatabase,
  type PythonOutputLine,
  type PythonReloadRequest,
  type PythonSpec,
  type PythonTarget,
} from '../../runtime/index.js';

export interface PythonParts {
  readonly config: ResolvedConfig;
  readonly database: GenerationDatabase;
  /** What the endpoints of the generation call. */
  readonly targets: readonly PythonTarget[];
  /** Where what the code prints goes. */
  readonly logger: Logger;
  readonly scrubber: Scrubber;
  readonly requestReload: (request: PythonReloadRequest) => void;
  /** What stops nothing, such as a file that no endpoint needs and that cannot be imported; to the log unless given. */
  readonly onWarning?: ((message: string) => void) | undefined;
  /** How long `on_shutdown` hooks may take; a few seconds unless given. */
  readonly shutdownHooksMs?: number | undefined;
}

/**
 * The workers of a generation; undefined when its project has no Python code. Throws `python_not_found`, `python_failed`,
 * and `server_closing` when the signal aborts.
 * Hooks have not run. The generation disposes it, before its database.
 */
export async function buildPython(
  parts: PythonParts,
  signal?: AbortSignal,
): Promise<PythonWorkers | undefined> {
  const { config, database, targets, scrubber, requestReload } = parts;
  if (targets.length === 0 && !(await raceSignal(hasPythonFiles(config.paths.python), signal)))
    return undefined;
  const logger = parts.logger.child({ component: 'python' });
  const { site: siteConfig, user: userConfig } = config.files.reveal();
  const spec: PythonSpec = {
    projectRoot: config.projectRoot,
    pythonFolder: config.paths.python,
    interpreter: config.python.interpreter,
    workers: config.python.workers,
    environment: config.environment.reveal(),
    configuration: { siteConfig, userConfig, secrets: config.secrets },
    targets,
    output: (line) => writeOutput(line, logger),
    scrubber,
    onWarning: parts.onWarning ?? ((message) => logger.warn(message)),
    onDebug: (message) => logger.debug(message),
    openSession: (caller) => database.openSession(caller),
    requestReload,
    ...(parts.shutdownHooksMs !== undefined && { limits: { shutdownMs: parts.shutdownHooksMs } }),
  };
  try {
    return await PythonWorkers.build(spec, signal);
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    throw new MxcpError('server_closing', 'the server was stopped while Python started', { cause: error });
  }
}

function writeOutput({ stream, text, processId }: PythonOutputLine, logger: Logger): void {
  logger.info({ stream, worker: processId }, text);
}
