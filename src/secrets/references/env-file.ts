import { plural, type Problem } from '../../errors/index.js';

export interface EnvFile {
  /** For a repeated name, the last value. */
  readonly values: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** The content at one place of a file, up to the end of a line. */
type Entry = { readonly end: number } & (
  | { readonly kind: 'nothing' }
  | { readonly kind: 'value'; readonly name: string; readonly value: string }
  /** `at` is its offset. The message quotes nothing, because everything in such a file may be secret. */
  | { readonly kind: 'problem'; readonly at: number; readonly message: string }
);

/** A file with more problems is probably not an env file. */
const MOST_PROBLEMS = 50;

const BLANK_OR_COMMENT = /[ \t]*(?:#[^\n]*)?(?![^\n])/y;
const ASSIGNMENT = /[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=/y;
const QUOTE = /[ \t]*(["'`])/y;
const REST_OF_LINE = /[^\n]*/y;
const SPACE = /[ \t]*/y;

const MALFORMED =
  'this line is neither `NAME=value` nor a `#` comment; names may contain letters, digits, `_`, `-` and `.`, and a value of several lines needs quotes';
const UNCLOSED =
  'this quote is not closed; close it at the end of the value, or put other quotes (`"`, `\'` or `` ` ``) around a value that contains it';
const TEXT_BEHIND =
  'unexpected text after the closing quote; put other quotes (`"`, `\'` or `` ` ``) around a value that contains this one, and a space before a `#` comment';

/**
 * Reads `NAME=value` lines. `util.parseEnv` (Node 20.20 to 24.21) silently skips malformed lines or joins them to a neighbour, and
 * begins a comment at any `#`. For files without such lines the results are equal, except that tabs around values do not count.
 */
export function parseEnvFile(file: string, text: string): EnvFile {
  const source = text.replaceAll(/\r\n?/g, '\n');
  const values = new Map<string, string>();
  const problems: (Entry & { readonly kind: 'problem' })[] = [];
  for (let at = 0; at < source.length; ) {
    const entry = readEntry(source, at);
    if (entry.kind === 'value') values.set(entry.name, entry.value);
    if (entry.kind === 'problem') problems.push(entry);
    at = entry.end + 1;
  }
  const shown = problems
    .slice(0, MOST_PROBLEMS)
    .map(({ at, message }): Problem => ({ file, ...placeOf(source, at), message }));
  const more = problems.length - shown.length;
  if (more > 0) {
    const message = `there are ${plural(more, 'more problem')} like these; is this an env file?`;
    shown.push({ file, message });
  }
  return { values, problems: shown };
}

/** Line and column, from 1. */
function placeOf(source: string, offset: number): { readonly line: number; readonly column: number } {
  const before = source.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

function readEntry(source: string, at: number): Entry {
  const blank = matchAt(BLANK_OR_COMMENT, source, at);
  if (blank !== undefined) return { kind: 'nothing', end: at + blank[0].length };
  const assignment = matchAt(ASSIGNMENT, source, at);
  if (assignment === undefined) return problemAt(source, at + lengthOf(SPACE, source, at), MALFORMED);
  const [before, name = ''] = assignment;
  const valueAt = at + before.length;
  const quote = matchAt(QUOTE, source, valueAt);
  if (quote !== undefined) return readQuoted(source, { name, at: valueAt + quote[0].length - 1 });
  const rest = matchAt(REST_OF_LINE, source, valueAt)?.[0] ?? '';
  return { kind: 'value', name, value: withoutComment(rest), end: valueAt + rest.length };
}

/** The value between two quotes, which may have several lines. `at` is the first quote. */
function readQuoted(source: string, { name, at }: { readonly name: string; readonly at: number }): Entry {
  const quote = source.charAt(at);
  const closedAt = source.indexOf(quote, at + 1);
  // Whatever comes next may be sound: the lines behind it are read on their own.
  if (closedAt === -1) return problemAt(source, at, UNCLOSED);
  const behind = closedAt + 1;
  const end = behind + lengthOf(REST_OF_LINE, source, behind);
  const rest = source.slice(behind, end);
  if (withoutComment(rest) !== '') return { kind: 'problem', at, message: TEXT_BEHIND, end };
  const inner = source.slice(at + 1, closedAt);
  return { kind: 'value', name, value: quote === '"' ? inner.replaceAll('\\n', '\n') : inner, end };
}

/** Without the spaces around it: a `#` in the middle of a word is part of the value. */
function withoutComment(text: string): string {
  const comment = text.search(/[ \t]#/);
  const value = comment === -1 ? text : text.slice(0, comment);
  return /[^ \t](?:.*[^ \t])?/s.exec(value)?.[0] ?? '';
}

function problemAt(source: string, at: number, message: string): Entry {
  return { kind: 'problem', at, message, end: at + lengthOf(REST_OF_LINE, source, at) };
}

function lengthOf(pattern: RegExp, source: string, at: number): number {
  return matchAt(pattern, source, at)?.[0].length ?? 0;
}

function matchAt(pattern: RegExp, source: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source) ?? undefined;
}
