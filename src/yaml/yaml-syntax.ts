import { type Event, EVENT_ID, parseEvents, YAMLException } from 'js-yaml';
import { TextLines } from './text-lines.js';

/** What is wrong with good syntax. Our words quote nothing: the file may hold a secret. */
export const MISTAKES = {
  aliasInItself: 'this alias (`*name`) stands inside what it repeats, and so has no end',
  aliasWithoutAnchor: 'this alias (`*name`) has no anchor (`&name`) before it',
  keyIsNoText: 'a key must be plain text; a value that begins with `{` or `[` and is text must be in quotes',
  merge: '`<<` takes a mapping or a list of mappings, mostly an alias (`*name`)',
  proto: '`__proto__` cannot be a key or a name',
  repeatedKey: 'this key is already there in the same mapping; remove one of the two',
  secondDocument: 'the file holds more than one document; keep one and remove the `---` between them',
  tag: 'this tag (`!name`) means nothing here; remove it',
  tagMisfit: 'this tag (`!name`) does not fit the value behind it; remove it',
  tooManyAliases: 'aliases (`*name`) repeat too much of the file; write the values out',
} as const;

export type YamlMistakeKind = keyof typeof MISTAKES;

/** What a person should look at, and what is wrong there. */
export interface YamlMistake {
  readonly offset: number;
  readonly message: string;
}

/** Good syntax without a meaning here. */
export interface MeaningMistake extends YamlMistake {
  readonly kind: YamlMistakeKind;
}

const TAB = 'a tab is used for indentation; YAML takes only spaces';
const NO_COLON =
  'a `:` is missing behind this key; if this is text that goes on from above, indent it deeper';
const CANNOT_START = 'text cannot start with this character; put it in quotes';
const NO_COMMA = 'a comma or a closing bracket is missing before this, or quotes around it';
const WRONG_INDENTATION =
  'this line fits nothing above it: it is indented otherwise, or list items (`- x`) and keys (`x:`) are mixed';
const LIST_BEHIND_KEY = 'a list cannot begin on the line of its key; put it on the next line';
const TWO_PAIRS = 'two `key: value` pairs on one line; put the value in quotes, or on its own line';
const WRONG_CONTINUATION =
  'this line goes on with the one above it; a `:` and a space are missing there, or this line is indented too deep';
const WRONG_PLACE =
  'text stands where none can be; a quote or bracket before it may be closed too early, or quotes are missing';

/** What the parser says of bad syntax, and what we say instead: the file may hold a secret. The first that fits counts. */
const REASONS: readonly (readonly [reason: RegExp, message: string])[] = [
  [/^duplication of a tag property/, 'a value can have only one tag (`!name`)'],
  [/\btag\b(?!.*directive)/i, MISTAKES.tag],
  [/^duplication of an anchor property/, 'a value can have only one anchor (`&name`)'],
  [
    /^name of an anchor node/,
    'the name of this anchor (`&name`) is missing; quote the text if a literal `&` is meant',
  ],
  [/^alias node should not have/, 'an alias (`*name`) cannot have an anchor or a tag'],
  [/^name of an alias node/, 'this alias (`*name`) is not valid; quote the text if a literal `*` is meant'],
  [
    /^unknown escape sequence|^expected hexadecimal character/,
    'a backslash in double quotes begins an escape, and this one is not valid; use single quotes or `\\\\`',
  ],
  [
    /^repeat of a chomping|^bad explicit indentation|^repeat of an indentation|^a line break is expected/,
    'behind `|` or `>` only `+`, `-` and one digit can stand on the same line',
  ],
  [/^tab characters/, TAB],
  [/^expected the node content/, 'a value is missing before this comma'],
  [/^a whitespace character is expected after/, 'a space is missing behind the `:`'],
  [/^nesting exceeded/, 'the file is nested too deeply'],
  [/directive|YAML version/, 'a line that starts with `%` is a YAML directive, and this one is not valid'],
];

/** Says what is wrong with the syntax of a text, and where a person should look. */
export function explainSyntaxError({ reason, mark }: YAMLException, lines: TextLines): YamlMistake {
  const offset = mark?.position ?? lines.text.length;
  const [, message] = REASONS.find(([known]) => known.test(reason)) ?? [];
  if (message !== undefined) return { offset, message };
  if (/^the stream contains non-printable|^expected valid JSON character|^null byte/.test(reason))
    return explainInvisible(offset, lines);
  const lineStart = lines.startOfLine(offset);
  if (/^ *\t/.test(lines.text.slice(lineStart, offset + 1))) return { offset: lineStart, message: TAB };
  if (/^deficient indentation|^unexpected end/.test(reason)) return explainUnclosed(offset, lines);
  // The parser has read the key, and for one that goes over lines the line below it as well.
  if (reason.includes('multiline key'))
    return { offset: lines.indentedStart(lineStart - 1), message: NO_COLON };
  if (reason.startsWith("expected ':'")) return { offset: lines.indentedStart(offset), message: NO_COLON };
  return explainPlace(offset, lines, reason.startsWith('missed comma'));
}

/** A person cannot see the character, and the parser looks only at the end of the text that holds it. */
function explainInvisible(offset: number, { text }: TextLines): YamlMistake {
  const found = text.search(/[^\P{Cc}\t\n\r\u0085]|[\uFFFE\uFFFF]/u);
  const message = 'a character that cannot be printed stands here; remove it';
  return { offset: found === -1 ? offset : found, message };
}

function explainUnclosed(offset: number, { text }: TextLines): YamlMistake {
  const opening = findUnclosed(text, offset);
  if (opening === undefined)
    return { offset, message: 'a bracket or quote that opens before this place is not closed' };
  const what = /["']/.test(text.charAt(opening)) ? 'quote' : 'bracket';
  const message = `this ${what} is not closed, or a line that belongs to it is not indented deeper than its key`;
  return { offset: opening, message };
}

/** For what the parser calls an indentation, a comma or the end of the document, whatever it really is. */
function explainPlace(offset: number, lines: TextLines, missesComma: boolean): YamlMistake {
  const start = lines.indentedStart(offset);
  const before = lines.text.slice(start, offset);
  const beginsValue = /(?:^|[-:,[{])\s*$/.test(before);
  const here = lines.text.slice(offset, offset + 2);
  if (/^[@`%]/.test(here) || (/^[&*!|>},\]]/.test(here) && beginsValue))
    return { offset, message: CANNOT_START };
  if (missesComma) return { offset, message: NO_COMMA };
  if (before === '') return { offset, message: WRONG_INDENTATION };
  if (/^-\s?$/.test(here) && beginsValue) return { offset, message: LIST_BEHIND_KEY };
  if (!here.startsWith(':')) return { offset, message: WRONG_PLACE };
  return /:\s/.test(before) ? { offset, message: TWO_PAIRS } : { offset: start, message: WRONG_CONTINUATION };
}

/** Each try reads the file up to a bracket or quote; more of them than this do not stand in one value. */
const MAX_TRIES = 50;
/** Of a larger file, only the place where the parser stopped is told. */
const MAX_CHARS = 256 * 1024;

/**
 * Where the bracket or quote opens that is still open at `offset`: the parser says only where it noticed. It is the last
 * one before which the text is good as soon as a plain value stands in its place; before all that come after it, the text
 * holds the open one itself. Undefined when it cannot be found.
 */
export function findUnclosed(text: string, offset: number): number | undefined {
  if (offset > MAX_CHARS) return undefined;
  const isQuote = isInQuotes(whyBad(text.slice(0, offset).trimEnd()));
  let at = offset;
  for (let tries = 0; tries < MAX_TRIES && at > 0; tries += 1) {
    at = Math.max(...(isQuote ? ['"', "'"] : ['[', '{']).map((each) => text.lastIndexOf(each, at - 1)));
    if (at === -1) return undefined;
    const reason = whyBad(`${text.slice(0, at)}x`);
    // The brackets around a quote are open before it as well.
    if (reason === undefined || (isQuote && isInBrackets(reason))) return at;
  }
  return undefined;
}

function isInQuotes(reason: string | undefined): boolean {
  return reason?.endsWith('quoted scalar') ?? false;
}

function isInBrackets(reason: string): boolean {
  return reason.endsWith('flow collection');
}

function whyBad(text: string): string | undefined {
  try {
    readEvents(text);
    return undefined;
  } catch (error) {
    if (error instanceof YAMLException) return error.reason;
    throw error;
  }
}

const CLOSING_LINE = /^[ \t]*[\]}]/gm;
/** The line above a block. Its text begins below, whatever it looks like. */
const BLOCK_HEADER = /(?:^|[\s:-])[|>][-+\d]*$/;

/**
 * Splits a text into the parser's events, whose offsets are those of the text. Throws `YAMLException`.
 *
 * The parser refuses a closing bracket that is not indented deeper than the key of its list or mapping, as the standard
 * does; everybody writes that, and every other parser takes it. Such a text is read with its closing brackets on the line
 * before: as spaces take the place of line ends, nothing moves. What stands in a block or in quotes is decoded from the
 * text itself later, so that it does not matter there.
 */
export function readEvents(text: string): readonly Event[] {
  try {
    return parseEvents(text, {});
  } catch (error) {
    if (!(error instanceof YAMLException) || !isEarlyClosing(error, text)) throw error;
    return readJoined(text, error);
  }
}

function isEarlyClosing({ reason, mark }: YAMLException, text: string): boolean {
  return reason === 'deficient indentation' && /[\]}]/.test(text.charAt(mark?.position ?? text.length));
}

function readJoined(text: string, first: YAMLException): readonly Event[] {
  try {
    return parseEvents(joinClosingLines(text), {}).map((event) => withOwnLines(event, text));
  } catch (error) {
    // Another mistake further on is the one to tell; anything before it would come from the joining.
    const isFurther = error instanceof YAMLException && positionOf(error) > positionOf(first);
    throw isFurther ? error : first;
  }
}

/** What was on one line when it was joined is decoded as what goes over lines. */
function withOwnLines(event: Event, text: string): Event {
  if (event.type !== EVENT_ID.SCALAR || !event.fast) return event;
  return { ...event, fast: !/[\r\n]/.test(text.slice(event.valueStart, event.valueEnd)) };
}

function positionOf({ mark }: YAMLException): number {
  return mark?.position ?? 0;
}

function joinClosingLines(text: string): string {
  const lines = new TextLines(text);
  const parts: string[] = [];
  let done = 0;
  for (const { 0: line, index } of text.matchAll(CLOSING_LINE)) {
    const bracket = index + line.length - 1;
    const end = Math.max(done, endOfContent(lines, index));
    if (BLOCK_HEADER.test(text.slice(lines.startOfLine(end), end))) continue;
    parts.push(text.slice(done, end), ' '.repeat(bracket - end));
    done = bracket;
  }
  return [...parts, text.slice(done)].join('');
}

/** Behind the last thing before `offset` that is neither white space nor a comment. */
function endOfContent(lines: TextLines, offset: number): number {
  const { text } = lines;
  let end = offset;
  for (;;) {
    while (end > 0 && /\s/.test(text.charAt(end - 1))) end -= 1;
    const lineStart = lines.startOfLine(end);
    const comment = findComment(text.slice(lineStart, end));
    if (comment === undefined) return end;
    end = lineStart + comment;
    if (end === 0) return 0;
  }
}

/** Where the comment of a line begins. A quote in the middle of a word (`don't`) opens nothing. */
function findComment(line: string): number | undefined {
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    const before = line.charAt(at - 1);
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (/["']/.test(character) && !/\w/.test(before)) quote = character;
    else if (character === '#' && /^\s?$/.test(before)) return at;
  }
  return undefined;
}
