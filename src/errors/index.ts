export { ERROR_CODES, type ErrorCode, exitCodeOf, httpStatusOf } from './error-codes.js';
export {
  MxcpError,
  type MxcpErrorOptions,
  type Problem,
  type SourcePosition,
  byPosition,
  errorCodeOf,
  firstLineOf,
  formatProblem,
  groupByFile,
  howMany,
  invalidConfig,
  isMissing,
  messageOf,
  problemsError,
  toMxcpError,
  toOneLine,
  visible,
  visibleLines,
} from './mxcp-error.js';
export { keySuggestion, nearSuggestion, nearestName, plural, suggestion } from './wording.js';
