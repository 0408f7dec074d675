export { ERROR_CODES, type ErrorCode, exitCodeOf, httpStatusOf, isCallersMistake } from './error-codes.js';
export {
  MxcpError,
  type MxcpErrorOptions,
  type Problem,
  type SourcePosition,
  byPosition,
  errorCodeOf,
  firstLineOf,
  formatPlace,
  formatProblem,
  groupByFile,
  howMany,
  invalidConfig,
  isMissing,
  listProblems,
  messageOf,
  problemsError,
  toMxcpError,
  toOneLine,
  visible,
  visibleLines,
} from './mxcp-error.js';
export { clip, joinReasons, keySuggestion, nearSuggestion, nearestName, plural, suggestion } from './wording.js';
