import { EVENT_ID, parseEvents, YAMLException, type Event } from 'js-yaml';
import { TextLines } from './text-lines.js';

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
