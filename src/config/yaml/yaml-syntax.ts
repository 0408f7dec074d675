import type { YAMLException } from 'js-yaml';
import type { TextLines } from './text-lines.js';
import { MISTAKES, type YamlMistake } from './yaml-mistakes.js';
import { findUnclosed } from './yaml-unclosed.js';

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
function explainPlace(offset: number, lines: TextLines, isInBrackets: boolean): YamlMistake {
  const start = lines.indentedStart(offset);
  const before = lines.text.slice(start, offset);
  const beginsValue = /(?:^|[-:,[{])\s*$/.test(before);
  const here = lines.text.slice(offset, offset + 2);
  if (/^[@`%]/.test(here) || (/^[&*!|>},\]]/.test(here) && beginsValue))
    return { offset, message: CANNOT_START };
  if (isInBrackets) return { offset, message: NO_COMMA };
  if (before === '') return { offset, message: WRONG_INDENTATION };
  if (/^-\s?$/.test(here) && beginsValue) return { offset, message: LIST_BEHIND_KEY };
  if (!here.startsWith(':')) return { offset, message: WRONG_PLACE };
  return /:\s/.test(before) ? { offset, message: TWO_PAIRS } : { offset: start, message: WRONG_CONTINUATION };
}
