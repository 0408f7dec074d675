import { type ErrorCode, exitCodeOf, httpStatusOf } from './error-codes.js';

export interface MxcpErrorOptions {
  readonly cause?: unknown;
  /** All problems of the files concerned. The first one gives the error its position. */
  readonly problems?: readonly Problem[];
  /** Shown only in debug mode. Never contains a secret. */
  readonly detail?: string;
  /** Where in the project it happened, for the log. Unless given, the position of the first problem. */
  readonly place?: SourcePosition | undefined;
  /** What the log says instead of the message, when clients must not see it, e.g. class and text of an exception. */
  readonly logMessage?: string | undefined;
  readonly retryAfterSeconds?: number;
}

/**
 * The one error class of this project. The message says what failed, which thing, and what to do, and never
 * contains a secret.
 */
export class MxcpError extends Error {
  override readonly name = 'MxcpError';
  readonly code: ErrorCode;
  readonly problems: readonly Problem[];
  readonly detail: string | undefined;
  readonly place: SourcePosition | undefined;
  readonly logMessage: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: MxcpErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.problems = options.problems ?? [];
    this.detail = options.detail;
    this.place = options.place ?? this.problems[0];
    this.logMessage = options.logMessage ?? message;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get httpStatus(): number {
    return httpStatusOf(this.code);
  }

  get exitCode(): number {
    return exitCodeOf(this.code);
  }
}

/** Problems that are listed; of the others, only the number is reported. */
const MAX_PROBLEMS = 100;

/** An error that lists problems in files: the message is the summary and the first problems, one a line. */
export function problemsError(
  code: ErrorCode,
  summary: string,
  problems: readonly Problem[],
  cause?: unknown,
): MxcpError {
  const shown = problems.slice(0, MAX_PROBLEMS);
  const rest = countProblems(problems.slice(MAX_PROBLEMS));
  const lines = [...shown.map(formatProblem), ...(rest === 0 ? [] : [`and ${rest.toLocaleString('en-US')} more`])];
  return new MxcpError(code, [summary, ...lines.map((line) => `  ${line}`)].join('\n'), { problems: shown, cause });
}

/**
 * The problems of one file, at most `MAX_PROBLEMS` and one for the others. `explain` is called only for those that are listed,
 * because it may be slow, and a file may have a hundred thousand.
 */
export function listProblems<T>(file: string, found: readonly T[], explain: (each: T) => Problem): Problem[] {
  const listed = found.slice(0, MAX_PROBLEMS).map((each) => {
    const problem = explain(each);
    return { ...problem, message: clip(problem.message, 1000), path: problem.path && clip(problem.path, 200) };
  });
  const rest = found.length - listed.length;
  if (rest === 0) return listed;
  const message = `and ${rest.toLocaleString('en-US')} more ${rest === 1 ? 'problem' : 'problems'}`;
  return [...listed, { file, message, count: rest }];
}

function countProblems(problems: readonly Problem[]): number {
  return problems.reduce((sum, { count = 1 }) => sum + count, 0);
}

/**
 * Converts anything that was thrown to an `MxcpError`. Any other error is a bug: its text goes to `detail`, which only debug mode
 * shows, because an unknown error may quote anything.
 */
export function toMxcpError(thrown: unknown): MxcpError {
  if (thrown instanceof MxcpError) return thrown;
  const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new MxcpError('internal', 'internal error; the log has the details', { cause: thrown, detail });
}

/** The `code` of an error from Node, e.g. `ENOENT`; undefined when it has none. */
export function errorCodeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** Whether a path could not be read because nothing is there. */
export function isMissing(thrown: unknown): boolean {
  const code = errorCodeOf(thrown);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Joins the lines of a message. */
export function toOneLine(message: string): string {
  return message.replaceAll(/\s*\n\s*/g, ' ');
}

/** The part of a message before its details. */
export function firstLineOf(message: string): string {
  return message.split('\n', 1)[0] ?? message;
}

/** The text, or its beginning and `…`. */
export function clip(text: string, length: number): string {
  if (text.length <= length) return text;
  // Half of a character that takes two units would be no valid text.
  return `${text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** The message of anything that was thrown, to be quoted in another message. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Why a file cannot be used, without the call and the path that Node adds: the message around it names the file. */
export function fileReasonOf(thrown: unknown): string {
  return messageOf(thrown).replace(/^(E[A-Z\d]+: .*?), \w+(?: '.*')?$/s, '$1');
}

/** A position in a file. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line?: number | undefined;
  readonly column?: number | undefined;
}

/** One error in a file that a person wrote, described so that they can fix it. */
export interface Problem extends SourcePosition {
  /** Dotted path of the key, e.g. `profiles.dev.duckdb.path`; undefined for a problem of the whole file. */
  readonly path?: string | undefined;
  /** What is wrong and what to do, in one sentence without the position. */
  readonly message: string;
  /** The number of problems that this one counts without listing them. */
  readonly count?: number | undefined;
}

/** Files in the order of their first problem. */
export function groupByFile(problems: readonly Problem[]): ReadonlyMap<string, readonly Problem[]> {
  const byFile = new Map<string, Problem[]>();
  for (const problem of problems) {
    const found = byFile.get(problem.file);
    if (found === undefined) byFile.set(problem.file, [problem]);
    else found.push(problem);
  }
  return byFile;
}

/** `file:line:column: message`, which editors and terminals make clickable. */
export function formatProblem(problem: Problem): string {
  return `${formatPlace(problem)}: ${problem.message}`;
}

/** `file:line:column`, as far as it is known. */
export function formatPlace({ file, line, column }: SourcePosition): string {
  return [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(':');
}

/** Sorts the problems of one file by position: those without a line first, and the one that counts others last. */
export function byPosition(a: Problem, b: Problem): number {
  return (a.count ?? 0) - (b.count ?? 0) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** `config_invalid` with all these problems, sorted by file and position. */
export function invalidConfig(problems: readonly Problem[], summary = summarize(problems)): MxcpError {
  const files = [...new Set(problems.map(({ file }) => file))];
  const sorted = problems.toSorted((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || byPosition(a, b));
  return problemsError('config_invalid', summary, sorted);
}

function summarize(problems: readonly Problem[]): string {
  return `the configuration has ${howMany(problems)}:`;
}

export function howMany(problems: readonly Problem[]): string {
  const number = countProblems(problems);
  return number === 1 ? 'a problem' : `${number} problems`;
}

/**
 * Escapes control characters as JSON does: text from a database, a server or a call must not move the cursor of a terminal or
 * forge lines. Characters in `kept` are not escaped.
 */
export function visible(text: string, kept = ''): string {
  return text.replace(CONTROLS, (character) => (kept.includes(character) ? character : toEscape(character)));
}

/** Like `visible`, but keeps line ends: for messages of several lines. */
export function visibleLines(text: string): string {
  return visible(text, '\n');
}

/** Also those that change the direction of text, which can hide what it says. */
const CONTROLS = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

function toEscape(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
