import type { EndpointFailure } from '../../endpoints/index.js';
import { problemsError, type MxcpError } from '../../errors/index.js';

/** One report that names every endpoint that cannot be served, and why. */
export function endpointReport(failures: readonly EndpointFailure[]): MxcpError {
  return problemsError(
    'endpoint_invalid',
    `Found ${failures.length} endpoint(s) with errors`,
    failures.flatMap(({ problems }) => problems),
  );
}
