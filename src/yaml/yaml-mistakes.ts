import type { CST, ErrorCode, YAMLError } from 'yaml';

/** Where a person should look, and what is wrong there. No message quotes the file, which may hold a secret. */
export interface YamlMistake {
  readonly offset: number;
  readonly message: string;
}

/** What can be wrong although the syntax is right. */
export const MISTAKES = {
  aliasInItself: 'this alias (`*name`) repeats a value that contains the alias itself',
  aliasWithoutAnchor: 'this alias (`*name`) has no anchor (`&name`) before it',
  invisible: 'this character is not printable; remove it',
  merge: '`<<` takes a mapping or a list of mappings, usually an alias (`*name`)',
  proto: '`__proto__` cannot be a key or a name',
  repeatedKey: 'this key already exists in the same mapping; remove one of the two',
  secondDocument: 'the file holds more than one document; keep one and remove the `---` between them',
  tooDeep: 'the file is nested too deeply',
  tooManyAliases: 'aliases (`*name`) repeat too much of the file; write the values out',
} as const;

const TAG = 'this tag (`!name`) is unknown or does not fit its value; remove it';
const WRONG_INDENTATION =
  'the indentation of this line matches no line above it, or list items (`- x`) and keys (`x:`) are mixed';
const CANNOT_START = 'text cannot start with this character; put it in quotes';
const TWO_PAIRS = 'two `key: value` pairs on one line; put the value in quotes, or on its own line';
const NO_COLON =
  'a `:` and a space are missing after this key; if this is text that continues the line above, indent it deeper';
const MISPLACED =
  'text is not allowed here; a quote or bracket before it may be closed too early, or quotes are missing';

/** Our sentence for each error of the parser. `explainSyntaxError` distinguishes the causes of some. */
const MESSAGES: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias (`*name`) cannot have an anchor or a tag',
  BAD_ALIAS:
    'the name of this anchor (`&name`) or alias (`*name`) is missing; put the text in quotes if a literal `&` or `*` is meant',
  BAD_COLLECTION_TYPE: TAG,
  BAD_DIRECTIVE: 'a line that starts with `%` is a YAML directive, and this one is not valid',
  BAD_DQ_ESCAPE:
    'a backslash in double quotes begins an escape, and this one is not valid; use single quotes or `\\\\`',
  BAD_INDENT: WRONG_INDENTATION,
  BAD_PROP_ORDER: 'an anchor (`&name`) or a tag (`!name`) must be directly before its value',
  BAD_SCALAR_START: CANNOT_START,
  BLOCK_AS_IMPLICIT_KEY: TWO_PAIRS,
  BLOCK_IN_FLOW: 'a comma is missing within this, or quotes around it',
  DUPLICATE_KEY: MISTAKES.repeatedKey,
  IMPOSSIBLE: MISPLACED,
  KEY_OVER_1024_CHARS: 'a key can have at most 1,024 characters',
  MISSING_CHAR: NO_COLON,
  MULTILINE_IMPLICIT_KEY: NO_COLON,
  MULTIPLE_ANCHORS: 'a value can have only one anchor (`&name`)',
  MULTIPLE_DOCS: MISTAKES.secondDocument,
  MULTIPLE_TAGS: 'a value can have only one tag (`!name`)',
  NON_STRING_KEY: 'a key must be plain text; put a value that begins with `{` or `[` and is text in quotes',
  RESOURCE_EXHAUSTION: MISTAKES.tooDeep,
  TAB_AS_INDENT: 'a tab is used for indentation; YAML allows only spaces',
  TAG_RESOLVE_FAILED: TAG,
  UNEXPECTED_TOKEN: MISPLACED,
};

const ABOUT_MEANING: ReadonlySet<ErrorCode> = new Set(['BAD_COLLECTION_TYPE', 'NON_STRING_KEY', 'TAG_RESOLVE_FAILED']);

/** Splits what the parser reports: errors in the syntax, and mistakes in a text whose syntax is right. */
export function sortErrors(errors: readonly YAMLError[]): {
  readonly syntax: readonly YAMLError[];
  readonly meaning: readonly YamlMistake[];
} {
  const isAboutMeaning = ({ code }: YAMLError): boolean => ABOUT_MEANING.has(code);
  return {
    syntax: errors.filter((error) => error.name === 'YAMLParseError' && !isAboutMeaning(error)),
    meaning: errors
      .filter(isAboutMeaning)
      // A tag with two faults is reported twice.
      .filter(({ pos: [offset] }, index, all) => all[index - 1]?.pos[0] !== offset)
      .map(({ code, pos: [offset] }) => ({ offset, message: MESSAGES[code] })),
  };
}

/** Says what is wrong with the syntax of a text, and where a person should look. */
export function explainSyntaxError(
  { code, pos: [start] }: YAMLError,
  text: string,
  tokens: readonly CST.Token[],
): YamlMistake {
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  if (/^ *\t/.test(text.slice(lineStart, start + 1))) return { offset: lineStart, message: MESSAGES.TAB_AS_INDENT };
  const all = withDescendants(tokens);
  const unclosed = code === 'MISSING_CHAR' || code === 'BAD_INDENT' ? findUnclosed(all, start) : undefined;
  if (unclosed !== undefined) return unclosed;
  // Errors of indentation are at the start of the line.
  const offset = start + text.slice(start).search(/\S|$/);
  const place = { offset, before: text.slice(lineStart, offset), after: text.slice(offset) };
  if (code === 'BLOCK_AS_IMPLICIT_KEY') return explainKey(place);
  const isVague = code === 'UNEXPECTED_TOKEN' || code === 'MISSING_CHAR';
  const message = isVague ? explainCharacter(place, code, isInBrackets(all, start)) : MESSAGES[code];
  return { offset, message };
}

interface Place {
  readonly offset: number;
  /** The part of the line before the offset. */
  readonly before: string;
  readonly after: string;
}

function explainKey({ offset, after }: Place): YamlMistake {
  if (/^-\s/.test(after)) return { offset, message: WRONG_INDENTATION };
  const continuation = /^(?!.*:\s).*\s+/.exec(after);
  if (continuation === null) return { offset, message: TWO_PAIRS };
  return {
    offset: offset + continuation[0].length,
    message:
      'this line continues the one above it, because it is indented deeper; indent it like that line, or put the whole text in quotes',
  };
}

function explainCharacter({ before, after }: Place, code: ErrorCode, isInFlow: boolean): string {
  if (/(?:^|\s)[|>][-+\d]*[ \t]*$/.test(before))
    return 'only `+`, `-` and one digit can follow `|` or `>` on the same line';
  if (after.startsWith(',')) return 'a value is missing before this comma';
  if (after.startsWith('#')) return 'a space is missing before this `#`';
  if (after.startsWith(':')) return 'a space is missing after this `:`';
  if (/^-\s/.test(after)) return 'a list cannot begin on the line of its key; put it on the next line';
  if (/^[\]}]/.test(after)) return 'no bracket is open that this one could close; put text in quotes';
  if (isInFlow) return 'a comma or a closing bracket is missing before this, or quotes around it';
  return MESSAGES[code];
}

function withDescendants(tokens: readonly CST.Token[]): readonly CST.Token[] {
  return tokens.flatMap((token) => [token, ...withDescendants(childrenOf(token))]);
}

/** The values and keys directly within a token. */
export function childrenOf(token: CST.Token): readonly CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) => [key ?? [], value ?? []].flat());
}

function isInBrackets(tokens: readonly CST.Token[], offset: number): boolean {
  return tokens.some(
    (token) => token.type === 'flow-collection' && token.offset < offset && offset <= (token.end[0]?.offset ?? offset),
  );
}

/** The bracket or quote that is still open at `offset`: the parser says only where it noticed. */
function findUnclosed(tokens: readonly CST.Token[], offset: number): YamlMistake | undefined {
  const open = tokens.filter((token) => token.offset < offset && isUnclosed(token));
  // The brackets around an open quote are open as well.
  const quote = open.find(({ type }) => type !== 'flow-collection');
  const unclosed = quote ?? open[0];
  if (unclosed === undefined) return undefined;
  const what = unclosed === quote ? 'quote' : 'bracket';
  const message = `this ${what} is not closed, or a line that belongs to it is not indented deeper than its key`;
  return { offset: unclosed.offset, message };
}

function isUnclosed(token: CST.Token): boolean {
  if (token.type === 'flow-collection') return token.end[0]?.source !== (token.start.source === '{' ? '}' : ']');
  if (token.type === 'double-quoted-scalar') return !/^"[^]*"$/.test(token.source);
  return token.type === 'single-quoted-scalar' && !/^'[^]*'$/.test(token.source);
}
