import type { ErrorObject } from 'ajv/dist/2020.js';
import type { JsonObject, JsonValue } from '../duckdb/index.js';
import { MxcpError } from '../errors/index.js';
import { explainMismatch } from './explain-mismatch.js';
import { type SchemaCheck, type SchemaCompiler, toCheck } from './json-schema.js';
import { type ResultTexts, TextCollector } from './result-texts.js';
import type { TypeDefinition } from './type-definition.js';

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

export interface ResultChecksOptions {
  /** Names the endpoint in errors, e.g. `tool "sales"`. */
  readonly endpoint: string;
  /** What a part of a list is called: SQL answers rows. */
  readonly part: 'row' | 'item';
  readonly returns: TypeDefinition;
  readonly compiler: SchemaCompiler;
}

/** Checks results against the declared `return` type: lists part by part, so that a wrong one ends its call at once. */
export class ResultChecks {
  readonly #endpoint: string;
  readonly #part: ResultChecksOptions['part'];
  readonly #returns: TypeDefinition;
  readonly #item: SchemaCheck | undefined;
  readonly #whole: SchemaCheck;

  constructor({ endpoint, part, returns, compiler }: ResultChecksOptions) {
    this.#endpoint = endpoint;
    this.#part = part;
    this.#returns = returns;
    const { items } = returns;
    this.#item = items === undefined ? undefined : compiler.compile(() => toCheck(items, 'output'));
    this.#whole = compiler.compile(() => toCheck(returns, 'output'));
  }

  checkItem(value: JsonValue, number: number): void {
    const mismatches = this.#item?.(value) ?? [];
    if (mismatches.length > 0) this.#refuse(mismatches, `${this.#part} ${number}`);
  }

  checkWhole(value: JsonValue): void {
    this.#refuse(this.#whole(value), 'the value');
  }

  /** What only the list as a whole can break; the texts of its items stand for them. */
  checkList(texts: ResultTexts): void {
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems } = this.#returns;
    if (texts.length < minItems)
      throw this.#error(`it has ${texts.length} ${this.#part}s, fewer than minItems (${minItems})`);
    if (texts.length > maxItems)
      throw this.#error(`it has ${texts.length} ${this.#part}s, more than maxItems (${maxItems})`);
    if (uniqueItems === true && new Set(texts).size < texts.length)
      throw this.#error(`it has equal ${this.#part}s, and uniqueItems is true`);
  }

  #refuse(mismatches: readonly ErrorObject[], what: string): void {
    if (mismatches.length === 0) return;
    const reasons = [...new Set(mismatches.map((mismatch) => explainMismatch(mismatch, 'it')))];
    throw this.#error(`${what}: ${reasons.join('; ')}`);
  }

  #error(reason: string): MxcpError {
    return new MxcpError(
      'output_invalid',
      `the result of ${this.#endpoint} does not fit its return type: ${reason}`,
    );
  }
}

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

/** A single value as its reader gets it: a text is its own text; anything else is its JSON. */
export function toText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** `result_too_large`. `reached` says how far the result came: `at row 7`. */
export function tooLarge(what: string, maxBytes: number, reached: string): MxcpError {
  return new MxcpError(
    'result_too_large',
    `${what} is larger than ${maxBytes} bytes (reached ${reached}); ask for less, or raise --max-result-bytes`,
  );
}

/**
 * A result in the shape its `return` type gives it. `texts` holds each part as a client reads it (JSON; a string
 * scalar is its own text), made while the rows were read, so that nobody has to serialise a large result in one go: one
 * text per item of an array, exactly one otherwise.
 */
export type ShapedResult =
  | {
      readonly shape: 'array';
      /** The items themselves while they are few; of many only the texts are kept, which is less to collect as garbage. */
      readonly items: readonly JsonValue[] | null;
      readonly texts: ResultTexts;
      readonly bytes: number;
    }
  | {
      readonly shape: 'object';
      readonly value: JsonObject;
      readonly texts: ResultTexts;
      readonly bytes: number;
    }
  | {
      readonly shape: 'scalar';
      readonly value: JsonValue;
      readonly texts: ResultTexts;
      readonly bytes: number;
    };
