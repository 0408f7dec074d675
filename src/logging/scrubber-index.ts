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
