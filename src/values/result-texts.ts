/** Parts of a result as text, in order. They are read one at a time: the whole may be large. */
export interface ResultTexts extends Iterable<string> {
  readonly length: number;
}

/** Up to this many bytes stay as they are; what comes after them is packed. */
const PLAIN_BYTES = 64 * 1024;
const SLAB_BYTES = 256 * 1024;

/** A text in a slab; `end` is where the next one begins. */
interface PackedText {
  readonly slab: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Collects the texts of one result. Those of a large result are kept as bytes outside the JavaScript heap: as strings
 * each would be copied by two collections of young garbage, which held the event loop for 10 to 30 ms again and again
 * while results of 10 MiB were written (Node 20).
 */
export class TextCollector implements ResultTexts {
  readonly #plain: string[] = [];
  readonly #packed: PackedText[] = [];
  #bytes = 0;
  #slab = Buffer.alloc(0);
  #used = 0;

  get length(): number {
    return this.#plain.length + this.#packed.length;
  }

  /** UTF-8 bytes of all texts. */
  get bytes(): number {
    return this.#bytes;
  }

  /** All texts so far; plain strings as long as they are few. */
  toTexts(): ResultTexts {
    return this.#packed.length === 0 ? this.#plain : this;
  }

  add(text: string): void {
    const size = Buffer.byteLength(text);
    this.#bytes += size;
    if (this.#bytes <= PLAIN_BYTES) this.#plain.push(text);
    else this.#pack(text, size);
  }

  *[Symbol.iterator](): Generator<string> {
    yield* this.#plain;
    for (const { slab, start, end } of this.#packed) yield slab.toString('utf8', start, end);
  }

  #pack(text: string, size: number): void {
    if (this.#slab.length - this.#used < size) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, size));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += this.#slab.write(text, start);
    this.#packed.push({ slab: this.#slab, start, end: this.#used });
  }
}
