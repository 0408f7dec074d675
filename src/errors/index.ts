export { ERROR_CODES, exitCodeOf, httpStatusOf, type ErrorCode } from './error-codes.js';
export {
  errorCodeOf,
  firstLineOf,
  isMissing,
  messageOf,
  MxcpError,
  problemsError,
  toMxcpError,
  toOneLine,
  type MxcpErrorOptions,
} from './mxcp-error.js';
export { nearestName, suggestion } from './nearest-name.js';
export { plural } from './plural.js';
export { formatProblem, groupByFile, type Problem, type SourcePosition } from './problem.js';
