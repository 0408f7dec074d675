import { MxcpError } from '../errors/index.js';
import { type ContentBlock, mimeTypeOf, parseBlock, sizeOf } from './content-blocks.js';
import { tooLarge } from './result-size.js';
import type { TypeDefinition } from './type-definition.js';

/** Clients make an object of each block. */
const MAX_BLOCKS = 1000;

/** Blocks in the order in which clients get them. */
export interface ContentParts {
  readonly shape: 'content';
  readonly blocks: readonly ContentBlock[];
}

interface ContentOptions {
  /** Names the endpoint in errors, e.g. `tool "sales"`. */
  readonly endpoint: string;
  readonly maxResultBytes: number;
}

/** Collects the content that a function returned, block by block, within the size limit. */
export class ContentCollector {
  readonly #options: ContentOptions;
  readonly #expected: string | undefined;
  readonly #isSingle: boolean;
  readonly #blocks: ContentBlock[] = [];
  #bytes = 0;

  /** Throws `output_invalid` unless the declared type, if there is one, is one of content. */
  constructor({ returns, ...options }: ContentOptions & { readonly returns: TypeDefinition | undefined }) {
    this.#options = options;
    this.#isSingle = returns !== undefined && returns.type !== 'array';
    this.#expected = (returns?.type === 'array' ? returns.items : returns)?.mime_type;
    if (returns !== undefined && this.#expected === undefined)
      throw this.#mismatch(
        `must return what its return type (${returns.type}) says, but its function returned content; leave out \`return\`, or declare a \`mime_type\` in it`,
      );
  }

  /** Throws `output_invalid`, `result_too_large`: either ends the call. */
  add(value: unknown): void {
    const block = parseBlock(value);
    const found = mimeTypeOf(block);
    if (this.#expected !== undefined && found !== this.#expected)
      throw this.#mismatch(`must return ${this.#expected}, but its function returned ${found ?? block.type}`);
    if (this.#isSingle && this.#blocks.length > 0)
      throw this.#mismatch('must return one value, but its function returned a list of content');
    this.push(block);
  }

  push(block: ContentBlock): void {
    const { endpoint, maxResultBytes } = this.#options;
    this.#blocks.push(block);
    this.#bytes += sizeOf(block);
    const count = this.#blocks.length;
    if (this.#bytes > maxResultBytes) throw tooLarge(`the result of ${endpoint}`, maxResultBytes, `at block ${count}`);
    if (count > MAX_BLOCKS)
      throw new MxcpError(
        'result_too_large',
        `the result of ${endpoint} has more than ${MAX_BLOCKS} parts of content; ask for less`,
      );
  }

  finish(): ContentParts & { readonly texts: readonly string[]; readonly bytes: number } {
    return { shape: 'content', blocks: this.#blocks, texts: [], bytes: this.#bytes };
  }

  #mismatch(reason: string): MxcpError {
    return new MxcpError('output_invalid', `${this.#options.endpoint} ${reason}`);
  }
}
