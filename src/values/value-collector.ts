import type { JsonObject, JsonValue } from '../duckdb/index.js';
import { MxcpError } from '../errors/index.js';
import { ContentCollector } from './content-collector.js';
import { type ResultOptions, ResultParts, toText } from './results.js';
import type { ShapedResult } from './shaped-result.js';

/**
 * Collects what a function returned: a list item by item as it arrives, anything else as one value. SQL always answers
 * rows, but a function decides the shape itself; a declared `return` type says which shape it must have.
 */
export class ValueCollector {
  readonly #options: ResultOptions;
  readonly #parts: ResultParts;
  #isList = false;
  #content: ContentCollector | undefined;
  #length: number | undefined;
  #value: JsonValue = null;

  constructor(options: ResultOptions) {
    this.#options = options;
    this.#parts = new ResultParts(options, 'item');
  }

  /** Comes before the first item, with the length of a list that has one. Throws `output_invalid`, which ends the call. */
  readonly onShape = (shape: 'list' | 'value' | 'content', length?: number): void => {
    if (shape === 'content') this.#content = new ContentCollector(this.#options);
    this.#isList = shape === 'list';
    this.#length = length;
    if (this.#isList) this.#requireShape('array', 'a list');
  };

  /** `text` is the JSON of the value. Throws `output_invalid`, `result_too_large`: either ends the call. */
  readonly onItem = (value: JsonValue, text: string): void => {
    if (this.#content !== undefined) this.#content.add(value);
    // The worker does not wait, and its result is limited anyway.
    else if (this.#isList) void this.#parts.addItem(value, text);
    else this.#value = value;
  };

  /** False once a list has as much as it may. */
  get takesMore(): boolean {
    return this.#parts.takesMore;
  }

  /** Throws `output_invalid`, `result_too_large`. */
  finish(): ShapedResult {
    if (this.#content !== undefined) return this.#content.finish();
    if (this.#isList) return this.#parts.finishList({ hasMore: false, total: this.#length });
    const value = this.#value;
    if (isObject(value)) {
      this.#requireShape('object', 'a dict');
      return this.#parts.finishObject(value, 'its end');
    }
    this.#requireShape('scalar', value === null ? 'None' : toText(value));
    return this.#parts.finishScalar(value, 'its end');
  }

  #requireShape(found: ShapedResult['shape'], described: string): void {
    const { endpoint, returns } = this.#options;
    if (returns === undefined) return;
    const isContainer = returns.type === 'array' || returns.type === 'object';
    if (found === (isContainer ? returns.type : 'scalar')) return;
    const wanted = isContainer ? (returns.type === 'array' ? 'a list' : 'a dict') : 'one value';
    const shown = described.length > 60 ? `${described.slice(0, 60)}…` : described;
    const message = `${endpoint} must return ${wanted}, because its return type is ${returns.type}, but its function returned ${shown}`;
    throw new MxcpError('output_invalid', message);
  }
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
