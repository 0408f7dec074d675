import { HiddenValue, ScrubberIndex } from './scrubber-index.js';
import { partAtEnd, partAtStart } from './value-parts.js';

/** Shorter values are left alone: replacing every `1` or `prod` would make diagnostics unreadable and protect nothing. */
const MINIMUM_LENGTH = 6;

const MAXIMUM_DEPTH = 64;

/** Longer values are looked for in pieces: there is a limit to the size of a pattern. None shorter than the minimum. */
const PIECE = /.{1,1000}(?:.{0,5}$)?/gsu;

/**
 * The net under the `Secret` type: replaces resolved secret values in diagnostics (logs, errors, events), never in
 * results of calls. Values are counted, because two generations may hold the same one: it is forgotten when the last
 * holder is disposed.
 */
export class Scrubber {
  readonly #held = new Map<string, { readonly hidden: HiddenValue; holders: number }>();
  #index: ScrubberIndex | undefined;

  /** Returns the function that forgets these values again. */
  register(values: Iterable<string>): () => void {
    const long = [...values].filter((value) => value.length >= MINIMUM_LENGTH);
    const held = [...new Set(long.flatMap(linesOf).flatMap(piecesOf))];
    for (const value of held) this.#hold(value);
    this.#rebuild();
    let forgotten = false;
    return () => {
      if (forgotten) return;
      forgotten = true;
      for (const value of held) this.#forget(value);
      this.#rebuild();
    };
  }

  scrub(text: string): string {
    if (this.#index === undefined) return text;
    // Only what is left between the secrets is searched further: a value could be part of the replacement.
    let between: readonly string[] = [text];
    for (const { pattern } of this.#index.find(text))
      between = between.flatMap((part) => part.split(pattern));
    return between.join('[secret]');
  }

  /** The same for a text that was cut at its end, where the beginning of a value may be left. */
  scrubHead(text: string): string {
    const end = text.length - partAtEnd(text, this.#held.keys());
    return this.scrub(text.slice(0, this.#matchAround(text, end)?.start ?? end));
  }

  /** The same for a text that was cut at its beginning. */
  scrubTail(text: string): string {
    const start = partAtStart(text, this.#held.keys());
    return this.scrub(text.slice(this.#matchAround(text, start)?.end ?? start));
  }

  /** A whole value that a cut at this place would halve. */
  #matchAround(text: string, place: number): { readonly start: number; readonly end: number } | undefined {
    for (const { pattern } of this.#index?.find(text) ?? []) {
      for (const { 0: match, index: start } of text.matchAll(new RegExp(pattern, 'g'))) {
        const end = start + match.length;
        if (start < place && place < end) return { start, end };
      }
    }
    return undefined;
  }

  /** Every text in a value of JSON, keys too. What is nested deeper than anybody reads is left out. */
  scrubData(data: unknown, depth = 0): unknown {
    if (typeof data === 'string') return this.scrub(data);
    if (typeof data !== 'object' || data === null) return data;
    if (depth === MAXIMUM_DEPTH) return '[nested too deep]';
    if (Array.isArray(data)) return data.map((item: unknown) => this.scrubData(item, depth + 1));
    return Object.fromEntries(
      Object.entries(data).map(([key, item]) => [this.scrub(key), this.scrubData(item, depth + 1)]),
    );
  }

  #hold(value: string): void {
    const known = this.#held.get(value);
    if (known === undefined) this.#held.set(value, { hidden: new HiddenValue(value), holders: 1 });
    else known.holders += 1;
  }

  #forget(value: string): void {
    const known = this.#held.get(value);
    if (known === undefined) return;
    known.holders -= 1;
    if (known.holders === 0) this.#held.delete(value);
  }

  #rebuild(): void {
    // Longest first, so that a value that contains another is replaced whole.
    const values = [...this.#held.values()].map(({ hidden }) => hidden).sort((a, b) => b.length - a.length);
    this.#index = values.length === 0 ? undefined : new ScrubberIndex(values);
  }
}

/** A value of several lines, such as a key, and each of them: an error may quote just the one it failed on. */
function linesOf(value: string): string[] {
  const lines = value.split(/\r?\n/).filter((line) => line.trim().length >= MINIMUM_LENGTH);
  return [value, ...lines];
}

function piecesOf(value: string): string[] {
  return value.match(PIECE) ?? [];
}
