import { MxcpError } from '../../errors/index.js';
import { TextCollector } from './result-texts.js';

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
    const message =
      `the result of ${this.#endpoint} is larger than ${this.#maxBytes} bytes (reached at ${reachedAt()}); ` +
      'ask for less, or raise --max-result-bytes';
    throw new MxcpError('result_too_large', message);
  }
}
