import type { YAMLException } from 'js-yaml';
import type { YamlMistake } from './yaml-nodes.js';
import { findUnclosed } from './yaml-unclosed.js';

const WRONG_PLACE =
  'text stands where none can be; a quote or bracket before it may be closed too early, or quotes are missing';
const WRONG_INDENTATION =
  'this line fits nothing above it: it is indented otherwise, or list items (`- x`) and keys (`x:`) are mixed';
const WRONG_CONTINUATION =
  'this line goes on with the one above it; a `:` and a space are missing there, or this line is indented too deep';
const NO_COLON =
  'a `:` is missing behind this key; if this is text that goes on from above, indent it deeper';

/** What is wrong with good syntax. Our words quote nothing: the file may hold a secret. */
export const MISTAKES = {
  aliasInItself: 'this alias (`*name`) stands inside what it repeats, and so has no end',
  aliasWithoutAnchor: 'this alias (`*name`) has no anchor (`&name`) before it',
  keyIsNoText: 'a key must be plain text',
  merge: '`<<` takes a mapping or a list of mappings, mostly an alias (`*name`)',
  proto: '`__proto__` cannot be a key or a name',
  repeatedKey: 'this key is already there in the same mapping; remove one of the two',
  secondDocument: 'the file holds more than one document; keep one and remove the `---` between them',
  tag: 'this tag (`!name`) means nothing here; remove it',
  tooManyAliases: 'aliases (`*name`) repeat too much of the file; write the values out',
} as const;

/** What the parser says of bad syntax, and what we say instead. The first one that fits counts. */
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
  [/^tab characters/, 'a tab is used for indentation; YAML takes only spaces'],
  [/^expected the node content/, 'a value is missing before this comma'],
  [/^a whitespace character is expected after/, 'a space is missing behind the `:`'],
  [/^nesting exceeded/, 'the file is nested too deeply'],
  [/directive|YAML version/, 'a line that starts with `%` is a YAML directive, and this one is not valid'],
];

/** Says what is wrong with the syntax of a text, and where a person should look. */
export function explainSyntaxError({ reason, mark }: YAMLException, text: string): YamlMistake {
  const offset = mark?.position ?? text.length;
  const [, message] = REASONS.find(([known]) => known.test(reason)) ?? [];
  if (message !== undefined) return { offset, message };
  if (/^deficient indentation|^unexpected end/.test(reason)) return explainUnclosed(offset, text);
  if (/^the stream contains non-printable|^expected valid JSON character|^null byte/.test(reason))
    return explainInvisible(offset, text);
  // The parser has read the key, and for one that goes over lines the line below it as well.
  if (reason.includes('multiline key')) return { offset: keyAbove(offset, text), message: NO_COLON };
  if (reason.startsWith("expected ':'")) return { offset: indentedStart(offset, text), message: NO_COLON };
  return explainPlace(offset, text, reason.startsWith('missed comma'));
}

function explainUnclosed(offset: number, text: string): YamlMistake {
  const opening = findUnclosed(text, offset);
  if (opening === undefined)
    return { offset, message: 'a bracket or quote that opens before this place is not closed' };
  const what = /["']/.test(text.charAt(opening)) ? 'quote' : 'bracket';
  const message = `this ${what} is not closed, or a line that belongs to it is not indented deeper than its key`;
  return { offset: opening, message };
}

/** A person cannot see the character, and the parser looks only at the end of the text that holds it. */
function explainInvisible(offset: number, text: string): YamlMistake {
  const found = text.search(/[^\P{Cc}\t\n\r\u0085]|[\uFFFE\uFFFF]/u);
  return {
    offset: found === -1 ? offset : found,
    message: 'a character that cannot be printed stands here; remove it',
  };
}

/** For what the parser calls an indentation, a comma or the end of the document, whatever it really is. */
function explainPlace(offset: number, text: string, isInBrackets: boolean): YamlMistake {
  const start = indentedStart(offset, text);
  const before = text.slice(start, offset);
  const beginsValue = /(?:^|[-:,[{])\s*$/.test(before);
  const here = text.slice(offset, offset + 2);
  if (/^[@`%]/.test(here) || (/^[&*!|>},\]]/.test(here) && beginsValue))
    return { offset, message: 'text cannot start with this character; put it in quotes' };
  if (isInBrackets)
    return { offset, message: 'a comma or a closing bracket is missing before this, or quotes around it' };
  if (before === '') return { offset, message: WRONG_INDENTATION };
  if (/^-\s?$/.test(here) && beginsValue)
    return { offset, message: 'a list cannot begin on the line of its key; put it on the next line' };
  if (!here.startsWith(':')) return { offset, message: WRONG_PLACE };
  return /:\s/.test(before)
    ? { offset, message: 'two `key: value` pairs on one line; put the value in quotes, or on its own line' }
    : { offset: start, message: WRONG_CONTINUATION };
}

/** Where the text of the line begins. */
function indentedStart(offset: number, text: string): number {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  return lineStart + text.slice(lineStart, offset).search(/\S|$/);
}

function keyAbove(offset: number, text: string): number {
  return indentedStart(text.lastIndexOf('\n', offset - 1), text);
}
