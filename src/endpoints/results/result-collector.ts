import { MxcpError } from '../../errors/index.js';
import type { JsonObject } from '../../runtime/index.js';
import type { ShapedResult } from '../calls.js';
import type { TypeDefinition } from '../definitions/definition-schema.js';
import { BoundedTexts, KEPT_PARTS } from './bounded-texts.js';
import type { ResultChecks } from './result-checks.js';
import { toText } from './to-text.js';

/** Rows beyond the one that a single result may have are counted up to here; then the query is ended. */
const COUNTED_ROWS = 1000;

export interface ResultCollectorOptions {
  /** Names the endpoint in errors, e.g. `tool "sales"`. */
  readonly endpoint: string;
  readonly returns: TypeDefinition | undefined;
  /** Absent when output is not to be checked. */
  readonly checks: ResultChecks | undefined;
  readonly maxResultBytes: number;
}

/**
 * Takes the rows of one query as they arrive, checks and serialises each at once, and in the end gives them the shape of
 * the declared `return` type. Never holds the event loop for more than one row.
 */
export class ResultCollector {
  readonly #options: ResultCollectorOptions;
  readonly #items: JsonObject[] = [];
  readonly #texts: BoundedTexts;
  #rowCount = 0;

  constructor(options: ResultCollectorOptions) {
    this.#options = options;
    this.#texts = new BoundedTexts(options.endpoint, options.maxResultBytes);
  }

  /** Throws `result_too_large`, `output_invalid`: either ends the query. */
  readonly onRow = (row: JsonObject): void => {
    this.#rowCount += 1;
    if (this.#isList) return this.#addItem(row);
    if (this.#rowCount === 1) this.#items.push(row);
    if (this.#rowCount > COUNTED_ROWS) throw this.#wrongRowCount(`more than ${COUNTED_ROWS} rows`);
  };

  /** Throws `output_invalid`, `result_too_large`. */
  finish(): ShapedResult {
    if (this.#isList) {
      this.#options.checks?.checkList(this.#texts);
      const items = this.#rowCount > KEPT_PARTS ? null : this.#items;
      return { shape: 'array', items, texts: this.#texts.toTexts(), bytes: this.#texts.bytes };
    }
    const [row] = this.#items;
    if (row === undefined || this.#rowCount > 1)
      throw this.#wrongRowCount(this.#rowCount === 0 ? 'no rows' : `${this.#rowCount} rows`);
    return this.#options.returns?.type === 'object' ? this.#finishObject(row) : this.#finishScalar(row);
  }

  get #isList(): boolean {
    const { returns } = this.#options;
    return returns === undefined || returns.type === 'array';
  }

  #addItem(row: JsonObject): void {
    this.#options.checks?.checkItem(row, this.#rowCount);
    if (this.#rowCount <= KEPT_PARTS) this.#items.push(row);
    this.#addText(JSON.stringify(row));
  }

  #finishObject(value: JsonObject): ShapedResult {
    this.#options.checks?.checkWhole(value);
    this.#addText(JSON.stringify(value, null, 2));
    return { shape: 'object', value, texts: this.#texts.toTexts(), bytes: this.#texts.bytes };
  }

  #finishScalar(row: JsonObject): ShapedResult {
    const values = Object.values(row);
    const [value] = values;
    if (value === undefined || values.length !== 1) {
      const columns = `${values.length} columns (${Object.keys(row).join(', ')})`;
      throw this.#outputError(
        `must answer one value, because its return type is ${this.#typeName}, but its SQL gave ${columns}`,
      );
    }
    this.#options.checks?.checkWhole(value);
    this.#addText(toText(value));
    return { shape: 'scalar', value, texts: this.#texts.toTexts(), bytes: this.#texts.bytes };
  }

  #addText(text: string): void {
    this.#texts.addPart(text, () => `row ${this.#rowCount}`);
  }

  #wrongRowCount(found: string): MxcpError {
    return this.#outputError(
      `must answer exactly one row, because its return type is ${this.#typeName}, but its SQL gave ${found}`,
    );
  }

  #outputError(reason: string): MxcpError {
    return new MxcpError('output_invalid', `${this.#options.endpoint} ${reason}`);
  }

  get #typeName(): string {
    return this.#options.returns?.type ?? 'array';
  }
}
