import { toMxcpError, MxcpError, type Problem } from '../../errors/index.js';
import type { Scrubber } from '../../logging/index.js';

/**
 * The same error without the secret values that the scrubber knows now. Its cause is left out, which could quote them
 * again; what is not an error of ours keeps its text in `detail`.
 */
export function scrubError(thrown: unknown, scrubber: Scrubber): MxcpError {
  const { code, message, problems, detail, retryAfterSeconds } = toMxcpError(thrown);
  return new MxcpError(code, scrubber.scrub(message), {
    problems: problems.map((problem): Problem => ({ ...problem, message: scrubber.scrub(problem.message) })),
    ...(detail !== undefined && { detail: scrubber.scrub(detail) }),
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  });
}
