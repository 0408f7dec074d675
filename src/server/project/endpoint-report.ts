import type { EndpointFailure } from '../../endpoints/index.js';
import { problemsError, type MxcpError } from '../../errors/index.js';

/**
 * One report that names every endpoint that cannot be served, and why. `context` stands behind the count: what a person
 * should know before they look at the files.
 */
export function endpointReport(failures: readonly EndpointFailure[], context = ''): MxcpError {
  return problemsError(
    'endpoint_invalid',
    `Found ${failures.length} endpoint(s) with errors${context}`,
    failures.flatMap(({ problems }) => problems),
  );
}
