import type { ResolvedConfig } from '../../config/index.js';
import type { Generation } from '../../lifecycle/index.js';
import { Scrubber } from '../../logging/index.js';
import { DatabaseRegistry } from '../../runtime/index.js';
import { GenerationBuilder, type GenerationSpec } from './generation-builder.js';
import type { Serving } from './serving.js';

/**
 * Opens a project for a command that serves nobody. Throws what opening the database throws, and what `endpointsOn`
 * throws. The caller disposes it, which closes the database.
 */
export function openProject(
  config: ResolvedConfig,
  endpointsOn: GenerationSpec['endpointsOn'],
): Promise<Generation<Serving>> {
  const builder = new GenerationBuilder(new DatabaseRegistry(), new Scrubber());
  return builder.buildFirst({ config, endpointsOn });
}
