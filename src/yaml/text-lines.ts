/** A text and its lines, which end with any of the three line ends that YAML knows. Offsets are characters from its start. */
export class TextLines {
  readonly text: string;
  #starts: readonly number[] | undefined;

  constructor(text: string) {
    this.text = text;
  }

  /** Line and column, from 1. */
  placeOf(offset: number): { readonly line: number; readonly column: number } {
    const line = this.#lineOf(offset);
    return { line, column: offset - this.#startOf(line) + 1 };
  }

  startOfLine(offset: number): number {
    return this.#startOf(this.#lineOf(offset));
  }

  /** Where the line begins after its white space, but not behind `offset`. */
  indentedStart(offset: number): number {
    const start = this.startOfLine(offset);
    return start + this.text.slice(start, offset).search(/\S|$/);
  }

  #lineOf(offset: number): number {
    this.#starts ??= findLineStarts(this.text);
    return countUpTo(offset, this.#starts);
  }

  #startOf(line: number): number {
    return this.#starts?.[line - 1] ?? 0;
  }
}

function findLineStarts(text: string): readonly number[] {
  return [0, ...Array.from(text.matchAll(/\r\n?|\n/g), (end) => end.index + end[0].length)];
}

/** How many of the ascending numbers are not greater than `limit`. */
function countUpTo(limit: number, ascending: readonly number[]): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
