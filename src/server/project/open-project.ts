import type { ResolvedConfig } from '../../config/index.js';
import type { Generation } from '../../lifecycle/index.js';
import { Scrubber } from '../../logging/index.js';
import { DatabaseRegistry } from '../../runtime/index.js';
import {
  GenerationBuilder,
  type GenerationBuilderOptions,
  type GenerationSpec,
} from './generation-builder.js';
import type { Serving } from './serving.js';

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
