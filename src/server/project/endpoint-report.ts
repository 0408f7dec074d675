import type { EndpointFailure } from '../../endpoints/index.js';
import { formatProblem, plural, problemsError, type MxcpError, type Problem } from '../../errors/index.js';

/**
 * One report that names everything that is wrong with endpoints that cannot be served: once, also when several share a
 * Python file. `context` stands behind the count: what a person should know before they look at the files.
 */
export function endpointReport(failures: readonly EndpointFailure[], context = ''): MxcpError {
  return problemsError(
    'endpoint_invalid',
    `Found ${plural(failures.length, 'endpoint')} with errors${context}`,
    distinct(failures.flatMap(({ problems }) => problems)),
  );
}

function distinct(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [formatProblem(problem), problem])).values()];
}
