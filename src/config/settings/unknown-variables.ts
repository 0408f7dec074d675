import { nearestName } from '../../errors/index.js';
import type { UnknownVariable } from './server-settings.js';
import type { Environment } from './setting-reader.js';
import { ACCEPTED_VARIABLES, SETTINGS, type Setting } from './settings-table.js';

/** The variables that begin with `MXCP_` and that nothing reads: most often a typing error. */
export function findUnknownVariables(env: Environment): readonly UnknownVariable[] {
  const settings: readonly Setting<unknown>[] = Object.values(SETTINGS);
  const known = new Set<string>([
    ...settings.flatMap((setting) => setting.variable ?? []),
    ...ACCEPTED_VARIABLES,
  ]);
  return Object.keys(env)
    .filter((name) => name.startsWith('MXCP_') && !name.startsWith('MXCP_SECRET_') && !known.has(name))
    .sort()
    .map((name) => ({ name, nearest: nearestName(name, known) }));
}
