import type { ResolvedConfig, ServerSettings } from '../config/index.js';
import {
  checkEndpoints,
  EndpointSet,
  findPythonTargets,
  loadEndpoints,
  withFailures,
  type EndpointCatalog,
} from '../endpoints/index.js';
import { formatProblem } from '../errors/index.js';
import { raceSignal, type Generation } from '../lifecycle/index.js';
import type { Logger } from '../logging/index.js';
import {
  endpointReport,
  type GenerationBuilder,
  type CheckableContents,
  type Serving,
} from './project/index.js';
import type { ServerPhase } from './server-phase.js';

export interface FirstGenerationParts {
  readonly settings: ServerSettings;
  readonly config: ResolvedConfig;
  readonly builder: GenerationBuilder;
  readonly phase: ServerPhase;
  readonly logger: Logger;
  /** Aborted when the server is stopped while it starts. */
  readonly stopped: AbortSignal;
}

/**
 * Builds what the server starts with. Throws one report that names all endpoints that cannot be served, or with
 * `--ignore-errors` goes on without them.
 */
export async function buildFirstGeneration(parts: FirstGenerationParts): Promise<Generation<Serving>> {
  const { config, builder, phase, logger } = parts;
  phase.startActivity('reading endpoint definitions');
  const onDisk = await raceSignal(loadEndpoints(config), parts.stopped);
  for (const warning of onDisk.warnings) logger.warn(formatProblem(warning));
  phase.startActivity('opening the database');
  const endpointsOn = async (contents: CheckableContents): Promise<EndpointSet> => {
    phase.startActivity('checking endpoints');
    const checked = withFailures(onDisk, await checkEndpoints(onDisk, contents));
    reportFailures(checked, parts);
    phase.startActivity('running on_init hooks');
    return new EndpointSet(checked, config.sqlTools);
  };
  const targets = findPythonTargets(onDisk);
  const spec = { config, targets, endpointsOn, signal: parts.stopped };
  const first = await builder.buildFirst(spec, { hooks: true });
  for (const warning of await first.contents.database.settle()) logger.warn(warning);
  return first;
}

function reportFailures({ failures }: EndpointCatalog, { settings, logger }: FirstGenerationParts): void {
  if (failures.length === 0) return;
  const report = endpointReport(failures);
  if (!settings.ignoreErrors) throw report;
  logger.warn(`${report.message}\nServing without them (--ignore-errors)`);
}
