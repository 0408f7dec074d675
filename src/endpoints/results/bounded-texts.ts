import { TextCollector } from './result-texts.js';
import { tooLarge } from './too-large.js';

/** Parts of a list are kept as they are up to here; a longer list is kept as text only. */
export const KEPT_PARTS = 16;

/** The texts of one result, which may only grow to a limit. */
export class BoundedTexts extends TextCollector {
  readonly #endpoint: string;
  readonly #maxBytes: number;

  constructor(endpoint: string, maxBytes: number) {
    super();
    this.#endpoint = endpoint;
    this.#maxBytes = maxBytes;
  }

  /** Throws `result_too_large`. `reachedAt` says in the error how far the result came. */
  addPart(text: string, reachedAt: () => string): void {
    this.add(text);
    if (this.bytes <= this.#maxBytes) return;
    throw tooLarge(`the result of ${this.#endpoint}`, this.#maxBytes, `at ${reachedAt()}`);
  }
}
