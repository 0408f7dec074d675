import { type Problem, type SourcePosition, toOneLine } from '../../errors/index.js';
import type { SqlSource } from '../definitions/endpoint-definition.js';

/** A problem that DuckDB found in the SQL, at the place that it names in an excerpt with a caret. */
export function explainSqlError(sql: SqlSource, message: string, declared: readonly string[]): Problem {
  const [, number = '1', excerpt = '', caretLine] = /^LINE (\d+): (.*)(?:\n( *)\^)?/m.exec(message) ?? [];
  const line = Number(number) - 1;
  const caret = caretLine === undefined ? -1 : caretLine.length - `LINE ${number}: `.length;
  return {
    ...placeOf(sql, line, findColumn(sql.text, line, { excerpt, caret })),
    // Our own checks say what is wrong in their own words.
    message: `${message.startsWith('the SQL ') ? '' : 'the SQL does not compile: '}${reasonOf(message)}${hintOf(sql.text, message, declared)}`,
  };
}

/** Parameters as other databases and template languages write them. */
const SLIPS = /\{\{\s*(\w+)\s*\}\}|[$#]?\{(\w+)\}|(?<![:\w]):(\w+)|%\((\w+)\)s|(?<!\w)@(\w+)|"\$(\w+)"/g;

/** The first one that names a declared parameter. */
export function findSlip(
  text: string,
  declared: readonly string[],
): { readonly text: string; readonly advice: string } | undefined {
  for (const [written, ...names] of text.matchAll(SLIPS)) {
    const name = names.find((each) => each !== undefined && declared.includes(each));
    if (name !== undefined) return { text: written, advice: `a parameter is written $${name}, not ${written}` };
  }
  return undefined;
}

function hintOf(text: string, message: string, declared: readonly string[]): string {
  if (!/syntax error at or near "[{}:%"]|'@\(|column "\$/.test(message)) return '';
  const slip = findSlip(text, declared);
  if (slip !== undefined) return `; ${slip.advice}`;
  return /\{\{|%s/.test(text) ? '; SQL has no templates: declare a parameter "name" and write $name' : '';
}

/**
 * The column of the caret in a line of the text. DuckDB cuts long lines, measures other characters than printable ASCII as a
 * terminal shows them, and counts wrongly behind the first statement of a text (1.5.6): undefined in all these cases.
 */
function findColumn(
  text: string,
  line: number,
  { excerpt, caret }: { readonly excerpt: string; readonly caret: number },
): number | undefined {
  const lines = text.split('\n');
  const cut = excerpt.startsWith('...') ? 3 : 0;
  const start = (lines[line] ?? '').indexOf(excerpt.slice(cut).replace(/\.\.\.$/, ''));
  const isMeasured = caret >= cut && start !== -1 && /^[ -~]*$/.test(excerpt);
  if (!isMeasured || lines.slice(0, line).concat(excerpt.slice(0, caret)).join('').includes(';')) return undefined;
  return start + caret - cut + 1;
}

/** The place of a part of the text. */
export function findInSql(sql: SqlSource, part: string | RegExp): SourcePosition {
  const index = Math.max(typeof part === 'string' ? sql.text.indexOf(part) : sql.text.search(part), 0);
  const before = sql.text.slice(0, index).split('\n');
  return placeOf(sql, before.length - 1, (before.at(-1) ?? '').length + 1);
}

export function placeOf(sql: SqlSource, line: number, column?: number): SourcePosition {
  return { file: sql.file, line: sql.lineInFile(line), column: column && sql.columnInFile(line, column) };
}

/** DuckDB's reason on one line, without the excerpt and its caret, which only make sense in a fixed-width terminal. */
function reasonOf(message: string): string {
  const reason = message.split(/\n+LINE \d+:/, 1)[0]?.trim() ?? message;
  return toOneLine(reason.replace(/^Failed to execute SQL: (?:Failed to extract statements: )?/, ''));
}
