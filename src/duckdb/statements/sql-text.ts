import { MxcpError } from '../../errors/index.js';
import { shapeOf, toType, type SqlParameters } from '../values/sql-values.js';

/*
 * Reads SQL as the lexer of DuckDB does, for what cannot be asked of DuckDB: it compiles a statement only when everything that the
 * statement needs exists (DuckDB 1.5.6). No text can match an expression in two ways, which would be slow for long texts.
 */

/** Of names. The spaces of Unicode separate words, as all spaces do. */
const LETTER = String.raw`A-Za-z_\u0080-\u009f\u00a1-\u1fff\u200c-\u202e\u2030-\u205e\u2061-\u2fff\u3001-\ufefe\uff00-\uffff`;
const NAME = String.raw`[${LETTER}][${LETTER}\d]*`;
const BLANK = String.raw` \t\f\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff`;
/** Between two parts of one string: a line must end, and comments of one line may be in it. */
const CONTINUATION = String.raw`[${BLANK}]*(?:--[^\n\r]*)?[\n\r](?:[${BLANK}\n\r]|--[^\n\r]*[\n\r])*`;
const ESCAPED_TEXT = String.raw`'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*'`;
const KINDS = {
  /** One of several lines is recognised by its start: it may contain others. */
  comment: String.raw`--[^\n\r]*|/\*`,
  /** A string, which may have escapes in each of its parts, a quoted identifier, or a dollar-quoted string. */
  quoted: String.raw`[eE]${ESCAPED_TEXT}(?:${CONTINUATION}${ESCAPED_TEXT})*|'[^']*(?:''[^']*)*'|"[^"]*(?:""[^"]*)*"|\$(?<tag>${NAME})?\$[\s\S]*?\$\k<tag>\$`,
  parameter: String.raw`\$(?:${NAME}|\d+)|\?`,
  /** A `$` within a word is a letter of it. */
  word: String.raw`[${LETTER}][${LETTER}\d$]*`,
  other: String.raw`[^${LETTER}$'"\-/;?]+|[\s\S]`,
} as const;
type TokenKind = keyof typeof KINDS;
const TOKEN = new RegExp(
  Object.entries(KINDS)
    .map(([kind, source]) => `(?<${kind}>${source})`)
    .join('|'),
  'y',
);
const COMMENT_EDGE = /\/\*|\*\//g;

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

/** All of the text, piece by piece. */
function* tokensOf(sql: string): Generator<Token> {
  for (let at = 0; at < sql.length; ) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(sql)?.groups ?? {};
    const kind = (Object.keys(KINDS) as TokenKind[]).find((name) => groups[name] !== undefined) ?? 'other';
    const matched = groups[kind] ?? '';
    const end = matched === '/*' ? endOfComment(sql, at + 2) : at + matched.length;
    yield { kind, text: sql.slice(at, end) };
    at = end;
  }
}

/** Comments contain others. One without an end takes the rest of the text. */
function endOfComment(sql: string, start: number): number {
  COMMENT_EDGE.lastIndex = start;
  for (let depth = 1; depth > 0; ) {
    const edge = COMMENT_EDGE.exec(sql);
    if (edge === null) return sql.length;
    depth += edge[0] === '/*' ? 1 : -1;
  }
  return COMMENT_EDGE.lastIndex;
}

/** The names of parameters in a text, for statements that cannot be compiled yet; `1` for `?`. */
export function scanParameterNames(sql: string): readonly string[] {
  const names = new Set<string>();
  for (const { kind, text } of tokensOf(sql)) if (kind === 'parameter') names.add(text === '?' ? '1' : text.slice(1));
  return [...names];
}

/** Whether a transaction is open after the statements of a text, if one was open before. */
export function endsInTransaction(sql: string, wasOpen = false): boolean {
  if (!/\b(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT)\b/i.test(sql)) return wasOpen;
  let isOpen = wasOpen;
  let isFirst = true;
  for (const { kind, text } of tokensOf(sql)) {
    if (text === ';') isFirst = true;
    else if (kind !== 'comment' && text.trim() !== '') {
      if (isFirst && /^(?:BEGIN|START)$/i.test(text)) isOpen = true;
      if (isFirst && /^(?:COMMIT|END|ROLLBACK|ABORT)$/i.test(text)) isOpen = false;
      isFirst = false;
    }
  }
  return isOpen;
}

/**
 * Throws `query_failed` for a text after which a transaction is open. Its connection ends with it, so the work would be rolled
 * back after a success.
 */
export function refuseOpenTransaction(sql: string): void {
  if (!endsInTransaction(sql)) return;
  const message =
    'the SQL leaves a transaction open, which would be rolled back; add COMMIT at the end of the same text';
  throw new MxcpError('query_failed', message);
}

/** Throws `query_failed` for a text with more than one statement. DuckDB itself makes two of some, such as a `PIVOT`. */
export function refuseSeveralStatements(sql: string): void {
  if (!hasSeveralStatements(sql)) return;
  const remedy = 'send one at a time, or set `sql_tools.several_statements: true` in mxcp-site.yml';
  throw new MxcpError('query_failed', `the SQL has several statements; ${remedy}`);
}

export function hasSeveralStatements(sql: string): boolean {
  let hasEnded = false;
  for (const { kind, text } of tokensOf(sql)) {
    if (hasEnded && kind !== 'comment' && text !== ';' && text.trim() !== '') return true;
    if (text === ';') hasEnded = true;
  }
  return false;
}

/** Lists in which DuckDB accepts the cast of a parameter but no parameter (`ORDER BY $a`). */
const KEY_LIST = /\bBY\b|\bDISTINCT\s+ON\b/i;
/** The text before an item of a list. */
const BEFORE_ITEM = /(?:\bBY|[,(])\s*$/i;
/** DuckDB binds a null parameter as it binds this: without a type (1.5.6). */
const NULL = '(NULL)';
/** Types whose name is valid SQL: scalars, and lists of them. */
const PLAIN_TYPE = /^[A-Z ]+(?:\[\])*$/;

/**
 * The statement with each `$name` as a cast to the type of its sample, `CAST($name AS VARCHAR)`, and as `(NULL)` where the sample is null,
 * so that DuckDB knows all types without values. Undefined if that cannot be written with certainty.
 */
export function castParameters(sql: string, samples: SqlParameters): string | undefined {
  let cast = '';
  let before = '';
  for (const { kind, text } of tokensOf(sql)) {
    const isNamed = kind === 'parameter' && text !== '?' && !/\d/.test(text[1] ?? '');
    const type = isNamed ? typeNameOf(samples, text.slice(1)) : undefined;
    if (isNamed && (type === undefined || (KEY_LIST.test(before) && BEFORE_ITEM.test(before)))) return undefined;
    cast += isNamed ? (type === NULL ? type : `CAST(${text} AS ${type})`) : text;
    if (kind !== 'comment') before += text;
  }
  return cast;
}

function typeNameOf(samples: SqlParameters, name: string): string | undefined {
  const sample = Object.hasOwn(samples, name) ? samples[name] : undefined;
  if (sample === undefined) return undefined;
  if (sample === null) return NULL;
  const type = toType(shapeOf(sample));
  const text = type.alias ?? type.toString();
  return PLAIN_TYPE.test(text) ? text : undefined;
}
