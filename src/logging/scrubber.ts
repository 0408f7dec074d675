import { inspect } from 'node:util';
import { base64PartsOf, base64SpellingsOf, spellingsOf } from './scrubber-spellings.js';

/**
 * A value with secrets somewhere within: it travels in this wrapper, which prints as `[secret]` everywhere (string, JSON,
 * inspect). `reveal()` is called only where the value is handed to what needs it.
 */
export class Concealed<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** A secret text, from resolution to its use. A separate class, so that `instanceof` recognises it. */
export class Secret extends Concealed<string> {}

/** Every spelling of nearly every value contains this many letters and digits in a row, and other text rarely contains the same ones. */
const GRAM_LENGTH = 4;

/** One value and how to find it. The pattern is built when it is first needed: few values ever appear in a text. */
export class HiddenValue {
  readonly length: number;
  /** Every text with the value contains one of them; undefined when the value is too short for that. */
  readonly grams: readonly number[] | undefined;
  readonly #value: string;
  readonly #bytes: number;
  #pattern: RegExp | undefined;

  /** `bytes` are those of the value and of what follows it, if it is a piece of a longer one. */
  constructor(value: string, bytes: number) {
    this.#value = value;
    this.#bytes = bytes;
    this.length = value.length;
    const grams = [value, ...base64PartsOf(value)].map(gramOf);
    this.grams = grams.some((gram) => gram === undefined) ? undefined : grams.flatMap((gram) => gram ?? []);
  }

  /** Matches every spelling of the value. Never matches an empty text, and has no groups. */
  get pattern(): RegExp {
    this.#pattern ??= new RegExp(
      [
        spellingsOf(this.#value),
        ...base64PartsOf(this.#value).map((part) => base64SpellingsOf(part, this.#value, this.#bytes)),
      ].join('|'),
    );
    return this.#pattern;
  }
}

/**
 * Finds in one pass over a text which values it may contain. One pattern of some hundred values would take a millisecond for each
 * line of the log.
 */
export class ScrubberIndex {
  readonly #values: readonly HiddenValue[];
  readonly #always: readonly number[];
  readonly #byGram = new Map<number, number[]>();
  readonly #mayBe = new Uint8Array(1 << 16);

  /** `find` returns values in this order. */
  constructor(values: readonly HiddenValue[]) {
    this.#values = values;
    this.#always = values.flatMap(({ grams }, at) => (grams === undefined ? [at] : []));
    for (const [at, { grams = [] }] of values.entries()) for (const gram of grams) this.#add(gram, at);
  }

  find(text: string): readonly HiddenValue[] {
    const found = new Set(this.#always);
    this.#findIn(text, found);
    // What is written in lines has its characters on both sides of an end of a line.
    const inOneLine = text.replaceAll(LINE_END, '');
    if (inOneLine !== text) this.#findIn(inOneLine, found);
    return [...found].sort((a, b) => a - b).flatMap((at) => this.#values[at] ?? []);
  }

  #findIn(text: string, found: Set<number>): void {
    let gram = 0;
    for (let at = 0; at < text.length; at += 1) {
      gram = (gram << 8) | (text.charCodeAt(at) & 0xff);
      if (this.#mayBe[slotOf(gram)] === 1) for (const index of this.#byGram.get(gram) ?? []) found.add(index);
    }
  }

  #add(gram: number, at: number): void {
    const known = this.#byGram.get(gram);
    if (known === undefined) this.#byGram.set(gram, [at]);
    else known.push(at);
    this.#mayBe[slotOf(gram)] = 1;
  }
}

/** With the indentation of the next line; also as an escape. */
const LINE_END = /(?:\r?\n|(?:\\+r)?\\+n)[ \t]*/g;

/** The last characters of the longest run of letters and digits. */
function gramOf(text: string): number | undefined {
  const runs = text.split(/[^A-Za-z0-9]+/);
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
  if (longest.length < GRAM_LENGTH) return undefined;
  return Buffer.from(longest).readInt32BE(longest.length - GRAM_LENGTH);
}

function slotOf(gram: number): number {
  return Math.imul(gram, 0x9e3779b1) >>> 16;
}

/** A shorter part of a value reveals nothing, and many texts end with one. */
const MINIMUM_PART = 3;

/** Spellings of a value in the texts that are cut: the output of Python, and its errors. */
function commonSpellings(value: string): readonly string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  const inPython = value.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n');
  const spellings = [value, inJson, JSON.stringify(inJson).slice(1, -1), inPython, value.replaceAll("'", "''")];
  return [...new Set(spellings)];
}

/** How many characters at the end of the text are the beginning of a value that is cut off. */
export function partAtEnd(text: string, values: Iterable<string>): number {
  return longestPart(text, values, (value, length) => text.endsWith(value.slice(0, length)));
}

/** How many characters at the beginning of the text are the end of a value that is cut off. */
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

/** Shorter values are not replaced: replacing every `1` or `prod` would make diagnostics unreadable and protect nothing. */
const MINIMUM_LENGTH = 6;

const MAXIMUM_DEPTH = 64;

/** Longer values are found in pieces, because the size of a pattern is limited. No piece is shorter than the minimum. */
const PIECE = /.{1,1000}(?:.{0,5}$)?/gsu;

/**
 * A safety measure in addition to the `Secret` type: replaces resolved secret values in diagnostics (logs, errors, events), never
 * in results of calls. Values are counted, because two generations may have the same one: it is forgotten with the last of them.
 */
export class Scrubber {
  readonly #held = new Map<string, { readonly hidden: HiddenValue; holders: number }>();
  #index: ScrubberIndex | undefined;
  #isStale = false;

  /** Returns a function that forgets these values again. */
  register(values: Iterable<string>): () => void {
    const long = [...values].filter((value) => value.length >= MINIMUM_LENGTH);
    const pieces = new Map(long.flatMap(linesOf).flatMap(piecesOf));
    for (const [value, bytes] of pieces) this.#hold(value, bytes);
    const held = [...pieces.keys()];
    this.#isStale = true;
    let forgotten = false;
    return () => {
      if (forgotten) return;
      forgotten = true;
      for (const value of held) this.#forget(value);
      this.#isStale = true;
    };
  }

  scrub(text: string): string {
    const index = this.#currentIndex();
    if (index === undefined) return text;
    // Only the text between the secrets is searched further: another value could be part of the replacement.
    let between: readonly string[] = [text];
    for (const { pattern } of index.find(text)) between = between.flatMap((part) => part.split(pattern));
    return between.join('[secret]');
  }

  /** Like `scrub`, for a text that was cut at its end and may end with the beginning of a value. */
  scrubHead(text: string): string {
    const end = text.length - partAtEnd(text, this.#held.keys());
    return this.scrub(text.slice(0, this.#matchAround(text, end)?.start ?? end));
  }

  /** Like `scrub`, for a text that was cut at its beginning. */
  scrubTail(text: string): string {
    const start = partAtStart(text, this.#held.keys());
    return this.scrub(text.slice(this.#matchAround(text, start)?.end ?? start));
  }

  /** A complete value that a cut at this place would split. */
  #matchAround(text: string, place: number): { readonly start: number; readonly end: number } | undefined {
    for (const { pattern } of this.#currentIndex()?.find(text) ?? []) {
      for (const { 0: match, index: start } of text.matchAll(new RegExp(pattern, 'g'))) {
        const end = start + match.length;
        if (start < place && place < end) return { start, end };
      }
    }
    return undefined;
  }

  /** Every text in a JSON value, including keys. Deeply nested values are left out. */
  scrubData(data: unknown, depth = 0): unknown {
    if (typeof data === 'string') return this.scrub(data);
    if (typeof data !== 'object' || data === null) return data;
    if (depth === MAXIMUM_DEPTH) return '[nested too deep]';
    if (Array.isArray(data)) return data.map((item: unknown) => this.scrubData(item, depth + 1));
    return Object.fromEntries(
      Object.entries(data).map(([key, item]) => [this.scrub(key), this.scrubData(item, depth + 1)]),
    );
  }

  #hold(value: string, bytes: number): void {
    const known = this.#held.get(value);
    if (known === undefined) this.#held.set(value, { hidden: new HiddenValue(value, bytes), holders: 1 });
    else known.holders += 1;
  }

  #forget(value: string): void {
    const known = this.#held.get(value);
    if (known === undefined) return;
    known.holders -= 1;
    if (known.holders === 0) this.#held.delete(value);
  }

  /** Built when the next text needs it: values come and go with calls, and most calls log nothing. */
  #currentIndex(): ScrubberIndex | undefined {
    if (!this.#isStale) return this.#index;
    this.#isStale = false;
    // Longest first, so that a value that contains another one is replaced completely.
    const values = [...this.#held.values()].map(({ hidden }) => hidden).sort((a, b) => b.length - a.length);
    this.#index = values.length === 0 ? undefined : new ScrubberIndex(values);
    return this.#index;
  }
}

/** A value of several lines, such as a key, and each of its lines, or a signed token and each of its parts: an error may quote only one. */
function linesOf(value: string): string[] {
  const parts = value.split(SIGNED_TOKEN.test(value) ? '.' : /\r?\n/);
  return [value, ...parts.filter((part) => part.trim().length >= MINIMUM_LENGTH)];
}

/** A JSON Web Token. Its header is the base64 of `{"…`. */
const SIGNED_TOKEN = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/;

/** Each piece with the number of bytes from its beginning to the end of the value. */
function piecesOf(value: string): [piece: string, bytes: number][] {
  return [...value.matchAll(PIECE)].map(({ 0: piece, index }) => [piece, Buffer.byteLength(value.slice(index))]);
}
