import { base64PartsOf, base64SpellingsOf, spellingsOf } from './scrubber-spellings.js';

/** So many letters and digits in a row stand in every spelling of nearly every value, and rarely elsewhere. */
const GRAM_LENGTH = 4;

/** One value, and how to find it. The pattern is made when it is first needed: hardly any value ever shows. */
export class HiddenValue {
  readonly length: number;
  /** One of them is in each text that the value may be in; undefined when no such thing is known. */
  readonly grams: readonly number[] | undefined;
  readonly #value: string;
  #pattern: RegExp | undefined;

  constructor(value: string) {
    this.#value = value;
    this.length = value.length;
    const grams = [value, ...base64PartsOf(value)].map(gramOf);
    this.grams = grams.some((gram) => gram === undefined) ? undefined : grams.flatMap((gram) => gram ?? []);
  }

  /** Matches the value however it is spelt, never nothing, and captures nothing. */
  get pattern(): RegExp {
    this.#pattern ??= new RegExp(
      [spellingsOf(this.#value), ...base64PartsOf(this.#value).map(base64SpellingsOf)].join('|'),
    );
    return this.#pattern;
  }
}

/**
 * Tells in one pass over a text which values may be in it. With all of them in one pattern, some hundred values would make each
 * line of the log take a millisecond.
 */
export class ScrubberIndex {
  readonly #values: readonly HiddenValue[];
  readonly #always: readonly number[];
  readonly #byGram = new Map<number, number[]>();
  readonly #mayBe = new Uint8Array(1 << 16);

  /** What is found is in the order that is given here. */
  constructor(values: readonly HiddenValue[]) {
    this.#values = values;
    this.#always = values.flatMap(({ grams }, at) => (grams === undefined ? [at] : []));
    for (const [at, { grams = [] }] of values.entries()) for (const gram of grams) this.#add(gram, at);
  }

  find(text: string): readonly HiddenValue[] {
    const found = new Set(this.#always);
    let gram = 0;
    for (let at = 0; at < text.length; at += 1) {
      gram = (gram << 8) | (text.charCodeAt(at) & 0xff);
      if (this.#mayBe[slotOf(gram)] === 1) for (const index of this.#byGram.get(gram) ?? []) found.add(index);
    }
    return [...found].sort((a, b) => a - b).flatMap((at) => this.#values[at] ?? []);
  }

  #add(gram: number, at: number): void {
    const known = this.#byGram.get(gram);
    if (known === undefined) this.#byGram.set(gram, [at]);
    else known.push(at);
    this.#mayBe[slotOf(gram)] = 1;
  }
}

/** The last letters and digits of the longest run of them. */
function gramOf(text: string): number | undefined {
  const runs = text.split(/[^A-Za-z0-9]+/);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest.length < GRAM_LENGTH) return undefined;
  return Buffer.from(longest).readInt32BE(longest.length - GRAM_LENGTH);
}

function slotOf(gram: number): number {
  return Math.imul(gram, 0x9e3779b1) >>> 16;
}

/** Fewer characters of a value than these tell nothing of it, and stand at the end of many texts. */
const MINIMUM_PART = 3;

/** How a value begins and ends in the texts that are cut: what Python prints, and its errors. */
function commonSpellings(value: string): readonly string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  const inPython = value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n');
  const spellings = [
    value,
    inJson,
    JSON.stringify(inJson).slice(1, -1),
    inPython,
    value.replaceAll("'", "''"),
  ];
  return [...new Set(spellings)];
}

/** How many characters at the end of the text are the beginning of a value, but not all of it. */
export function partAtEnd(text: string, values: Iterable<string>): number {
  return longestPart(text, values, (value, length) => text.endsWith(value.slice(0, length)));
}

/** How many characters at the beginning of the text are the end of a value, but not all of it. */
export function partAtStart(text: string, values: Iterable<string>): number {
  return longestPart(text, values, (value, length) => text.startsWith(value.slice(-length)));
}

function longestPart(
  text: string,
  values: Iterable<string>,
  isPart: (value: string, length: number) => boolean,
): number {
  let longest = 0;
  for (const value of [...values].flatMap(commonSpellings)) {
    let length = Math.min(value.length - 1, text.length);
    while (length > longest && !isPart(value, length)) length -= 1;
    if (length >= MINIMUM_PART) longest = Math.max(longest, length);
  }
  return longest;
}

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
