import { MxcpError } from '../../errors/index.js';
import type { JsonObject, JsonValue } from '../../runtime/index.js';
import type { ShapedResult } from '../calls.js';
import { BoundedTexts, KEPT_PARTS } from './bounded-texts.js';
import type { ResultCollectorOptions } from './result-collector.js';
import { toText } from './to-text.js';

/**
 * Takes what a function returned: a list item by item as it arrives, anything else as one value. Unlike SQL, which always
 * answers rows, a function decides the shape itself; a declared `return` type says which one it has to be.
 */
export class ValueCollector {
  readonly #options: ResultCollectorOptions;
  readonly #texts: BoundedTexts;
  readonly #items: JsonValue[] = [];
  #shape: 'list' | 'value' = 'value';
  #count = 0;

  constructor(options: ResultCollectorOptions) {
    this.#options = options;
    this.#texts = new BoundedTexts(options.endpoint, options.maxResultBytes);
  }

  /** Comes before the first item. Throws `output_invalid`, which ends the call. */
  readonly onShape = (shape: 'list' | 'value'): void => {
    this.#shape = shape;
    if (shape === 'list') this.#requireShape('array', 'a list');
  };

  /** `text` is the JSON of the value. Throws `output_invalid`, `result_too_large`: either ends the call. */
  readonly onItem = (value: JsonValue, text: string): void => {
    this.#count += 1;
    if (this.#count <= KEPT_PARTS) this.#items.push(value);
    if (this.#shape === 'value') return;
    this.#options.checks?.checkItem(value, this.#count);
    this.#texts.addPart(text, () => `item ${this.#count}`);
  };

  /** Throws `output_invalid`, `result_too_large`. */
  finish(): ShapedResult {
    if (this.#shape === 'value') return this.#finishValue(this.#items[0] ?? null);
    this.#options.checks?.checkList(this.#texts);
    const items = this.#count > KEPT_PARTS ? null : this.#items;
    return { shape: 'array', items, texts: this.#texts.toTexts(), bytes: this.#texts.bytes };
  }

  #finishValue(value: JsonValue): ShapedResult {
    if (isObject(value)) this.#requireShape('object', 'a dict');
    else this.#requireShape('scalar', value === null ? 'None' : toText(value));
    this.#options.checks?.checkWhole(value);
    const text = isObject(value) ? JSON.stringify(value, null, 2) : toText(value);
    this.#texts.addPart(text, () => 'its end');
    const rest = { texts: this.#texts.toTexts(), bytes: this.#texts.bytes };
    return isObject(value) ? { shape: 'object', value, ...rest } : { shape: 'scalar', value, ...rest };
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
