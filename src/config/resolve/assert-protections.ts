import { problemsError } from '../../errors/index.js';
import type { ResolvedConfig } from '../resolved-config.js';

/**
 * Refuses a configuration that asks for what this version does not have. Throws `protection_unavailable` when anything
 * of it protects, else `feature_unavailable`; both list everything.
 */
export function assertProtections(config: Pick<ResolvedConfig, 'unavailable'>): void {
  const { unavailable } = config;
  if (unavailable.length === 0) return;
  const protects = unavailable.some((setting) => setting.code === 'protection_unavailable');
  throw problemsError(
    protects ? 'protection_unavailable' : 'feature_unavailable',
    protects
      ? 'the configuration asks for a protection that this version does not have:'
      : 'the configuration asks for something that this version does not have:',
    unavailable.map((setting) => setting.problem),
  );
}
