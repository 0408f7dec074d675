import type { EndpointFailure } from '../endpoints/index.js';
import type { MxcpError } from '../errors/index.js';
import { endpointReport, type Serving } from './project/index.js';

export interface MisfitFacts {
  /** Whether the endpoint files were read again too. */
  readonly definitions: boolean;
  /** Whether the database is another one than what serves. */
  readonly isReplaced: boolean;
}

/** Endpoints that do not fit what a reload found, and what else may have changed under them. */
export function endpointMisfit(
  { database, endpoints }: Serving,
  failures: readonly EndpointFailure[],
  { definitions, isReplaced }: MisfitFacts,
): MxcpError {
  const failed = new Set(failures.map(({ path }) => path));
  const isPython = endpoints.catalog.endpoints.some(
    (endpoint) =>
      failed.has(endpoint.path) && endpoint.kind !== 'prompt' && endpoint.source.language === 'python',
  );
  const replaced = isReplaced
    ? ` on ${database.path}, which replaced the database that serves; put the old one back or mend what does not fit`
    : '';
  const python =
    isPython && !definitions
      ? ' (Python code is taken from disk, endpoint files are not: when both have changed, reload with definitions)'
      : '';
  return endpointReport(failures, `${replaced}${python}`);
}
