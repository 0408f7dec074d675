import { clip } from './mxcp-error.js';

/** The known name that is most similar to `name`; undefined when none is close. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let nearestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < nearestDistance) {
      nearest = candidate;
      nearestDistance = distance;
    }
  }
  return nearest;
}

/** `; did you mean \`x\`?` for the end of a message, or nothing. */
export function keySuggestion(name: string, known: Iterable<string>): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean \`${nearest}\`?`;
}

/** The number of insertions, removals, replacements and swaps of neighbours between two texts. */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > 8) return Number.POSITIVE_INFINITY;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = row > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
        swapped ? at(beforePrevious, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, to.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}

/** A count with its noun, for a message: `1 file`, `2 files`. Only for nouns that take an `s`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `; did you mean "x"?`, or `; known: a, b` when no name is close. Empty when no names are known. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = nearSuggestion(name, known);
  if (near !== '') return near;
  return known.length === 0 ? '' : `; known: ${known.join(', ')}`;
}

/** `; did you mean "x"?`, or nothing. For lists that are too long to print. */
export function nearSuggestion(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : `; did you mean "${nearest}"?`;
}

/** Callers decide how long a message would be that quotes them or lists what is wrong; it takes at most 2 KB. */
const MESSAGE_BYTES = 1900;
const SHOWN_REASONS = 10;
const REASON_LENGTH = 300;

/**
 * The first reasons as one text, then how many are left out: `"a" is not known; "b" is not known; and 99,990 more`. `count` is
 * the number of all reasons, if not all of them were worked out.
 */
export function joinReasons(reasons: readonly string[], count = reasons.length): string {
  const shown: string[] = [];
  let bytes = 0;
  for (const reason of reasons.slice(0, SHOWN_REASONS)) {
    const text = clip(reason, REASON_LENGTH);
    bytes += Buffer.byteLength(text);
    if (bytes > MESSAGE_BYTES) break;
    shown.push(text);
  }
  const left = count - shown.length;
  return [...shown, ...(left > 0 ? [`and ${left.toLocaleString('en-US')} more`] : [])].join('; ');
}

/** The text, or its beginning and its end: a message of DuckDB that quotes a long value says behind it where it is. */
export function clipMiddle(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= MESSAGE_BYTES) return text;
  const ends = [bytes.subarray(0, MESSAGE_BYTES / 2), bytes.subarray(-MESSAGE_BYTES / 2)];
  // Characters that were cut through.
  const [start, end] = ends.map((part) => part.toString().replaceAll('\uFFFD', ''));
  return `${start}…${end}`;
}
