import type { AnswerLimits } from '../config/index.js';
import type { JsonObject, JsonValue, RowsRead } from '../duckdb/index.js';
import { MxcpError, plural } from '../errors/index.js';

import { tooLarge } from './result-size.js';
import type { SchemaCompiler } from './schema-compiler.js';
import type {
  AnswerRules,
  JsonResult,
  LeftOut,
  ListLimits,
  ResultText,
  ResultTexts,
  RowKeeper,
  ShapedResult,
} from './shaped-result.js';
import type { TypeDefinition } from './type-definition.js';

export interface ResultOptions {
  /** Names the endpoint in errors, e.g. `tool "sales"`. */
  readonly endpoint: string;
  readonly returns: TypeDefinition | undefined;
  /** The checks of `returns`; absent when output is not to be checked. */
  readonly checks: ResultChecks | undefined;
  readonly maxResultBytes: number;
  /** Absent when a list is wanted whole. The items before its offset do not arrive. */
  readonly limits?: ListLimits | undefined;
  /** Gets every row of a list, also those that the answer leaves out. */
  readonly keeper?: RowKeeper | undefined;
  /** Whether SQL without a row answers null; otherwise that is `not_found`. */
  readonly allowsNull?: boolean;
}

interface LimitedCall {
  /** The arguments of the call. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Whether the answer is for a model. Others get all that they ask for. */
  readonly fits: boolean;
  /** `answers` of the current configuration. */
  readonly server: AnswerLimits | undefined;
  readonly maxResultBytes: number;
}

/** What a model can read in one answer beside everything else that it reads: about 25,000 tokens. */
const DEFAULT_MAX_ROWS = 1000;
const DEFAULT_MAX_BYTES = 100 * 1024;

/** How much of a list a call is answered with; undefined for the whole one. */
export function limitsOf(rules: AnswerRules, call: LimitedCall): ListLimits | undefined {
  const { argument, hasDefaults } = rules;
  const { values, fits, server, maxResultBytes } = call;
  const asked = argument === undefined ? Number.POSITIVE_INFINITY : Number(values['limit'] ?? Number.POSITIVE_INFINITY);
  const offset = argument === 'offset' ? Number(values['offset']) : 0;
  if (!fits)
    return offset === 0 && asked === Number.POSITIVE_INFINITY
      ? undefined
      : { offset, maxRows: asked, maxBytes: Number.POSITIVE_INFINITY, argument };
  const usualRows = hasDefaults ? (server?.maxRows ?? DEFAULT_MAX_ROWS) : 0;
  const usualBytes = hasDefaults ? (server?.maxBytes ?? DEFAULT_MAX_BYTES) : 0;
  // The caller of an SQL tool may ask for more rows than is usual, but not for more than its operator has said.
  const rows = argument === 'limit' ? server?.maxRows : (rules.maxRows ?? usualRows);
  const bytes = rules.maxBytes ?? usualBytes;
  const maxRows = rows ? Math.min(asked, rows) : asked;
  return { offset, maxRows, maxBytes: bytes ? Math.min(bytes, maxResultBytes) : Number.POSITIVE_INFINITY, argument };
}

type ResultChecks = ReturnType<typeof createResultChecks>;

/** Lists are checked item by item, so that a wrong item ends its call at once; objects and scalars as a whole. */
export function createResultChecks(returns: TypeDefinition, compiler: SchemaCompiler) {
  const { items } = returns;
  return { item: items && compiler.checkOf(items, 'output'), whole: compiler.checkOf(returns, 'output') };
}

const WHOLE: RowsRead = { hasMore: false, total: undefined };

/** Rows beyond the one that a single result may have are counted up to here; then the query is ended. */
const COUNTED_ROWS = 1000;

/**
 * Collects the rows of one query in the shape of the declared `return` type. Each row is checked and serialised as it
 * arrives, so the event loop is never held for more than one row.
 */
export class RowCollector {
  readonly #options: ResultOptions;
  readonly #parts: ResultParts;
  readonly #isList: boolean;
  #firstRow: JsonObject | undefined;
  #rowCount = 0;

  constructor(options: ResultOptions) {
    this.#options = options;
    this.#parts = new ResultParts(options, 'row');
    this.#isList = options.returns === undefined || options.returns.type === 'array';
  }

  /** JSON stays text where text is declared; text that is JSON is read where a list or an object is declared. */
  readonly readingOf = (column: string): 'text' | 'json' | undefined => {
    const { returns } = this.#options;
    const row = this.#isList ? returns?.items : returns;
    const type = row?.type === 'object' ? new Map(Object.entries(row.properties ?? {})).get(column)?.type : row?.type;
    if (type === 'string') return 'text';
    return type === 'array' || type === 'object' ? 'json' : undefined;
  };

  /** How many of the rows that a list leaves out may be counted. */
  readonly countsRest = (): number => this.#parts.countable;

  /** False once a list has as much as it may. */
  readonly takesMore = (): boolean => !this.#isList || this.#parts.takesMore;

  /** Throws `result_too_large`, `output_invalid`: either ends the query. */
  readonly onRow = (row: JsonObject): void | Promise<void> => {
    this.#rowCount += 1;
    if (this.#isList) return this.#parts.addItem(row, JSON.stringify(row));
    this.#firstRow ??= row;
    if (this.#rowCount > COUNTED_ROWS) throw this.#wrongAnswer('exactly one row', `more than ${COUNTED_ROWS} rows`);
  };

  /** Throws `not_found`, `output_invalid`, `result_too_large`. */
  finish(read: RowsRead = WHOLE): JsonResult {
    if (this.#isList) return this.#parts.finishList(read);
    const row = this.#firstRow;
    if (row === undefined) {
      if (this.#options.allowsNull === true) return this.#parts.finishScalar(null, 'its end');
      throw new MxcpError('not_found', `not found: ${this.#options.endpoint} found nothing for these arguments`);
    }
    if (this.#rowCount > 1) throw this.#wrongAnswer('exactly one row', `${this.#rowCount} rows`);
    if (this.#options.returns?.type === 'object') return this.#parts.finishObject(row, 'row 1');
    const [value, ...others] = Object.values(row);
    if (value === undefined || others.length > 0) {
      const names = Object.keys(row);
      throw this.#wrongAnswer('one value', `${names.length} columns (${names.join(', ')})`);
    }
    return this.#parts.finishScalar(value, 'row 1');
  }

  #wrongAnswer(wanted: string, found: string): MxcpError {
    const { endpoint, returns } = this.#options;
    const why = `because its return type is ${returns?.type ?? 'array'}`;
    return new MxcpError('output_invalid', `${endpoint} must return ${wanted}, ${why}, but its SQL returned ${found}`);
  }
}

/** A string is its own text; the text of any other value is its JSON. */
export function toText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Items of a list are kept as values up to here; of a longer list only the texts are kept. */
const KEPT_ITEMS = 16;

/** Of the rows that an answer leaves out. DuckDB's memory of what was counted is free only after a collection of garbage (DuckDB 1.5.6). */
const MAX_COUNTED_ROWS = 100_000;
const MAX_COUNTED_BYTES = 16 * 1024 * 1024;

/** Checks the parts of one result as they arrive, and keeps their texts within the size limit. */
export class ResultParts {
  readonly #options: ResultOptions;
  readonly #part: 'row' | 'item';
  readonly #items: JsonValue[] = [];
  readonly #texts = new TextCollector();
  /** So many items the list has in any case. */
  readonly #least: number;
  readonly #maxItems: number;
  #count = 0;
  #because: LeftOut['because'] | undefined;

  constructor(options: ResultOptions, part: 'row' | 'item') {
    this.#options = options;
    this.#part = part;
    this.#least = Math.max(1, options.returns?.minItems ?? 0);
    this.#maxItems = Math.max(this.#least, options.limits?.maxRows ?? Number.POSITIVE_INFINITY);
  }

  /** Whether another row is of use. */
  get takesMore(): boolean {
    return this.#takesMore || this.#options.keeper?.takesMore() === true;
  }

  get countable(): number {
    const bytesPerRow = this.#texts.bytes / Math.max(1, this.#count);
    return Math.min(MAX_COUNTED_ROWS, Math.floor(MAX_COUNTED_BYTES / Math.max(1, bytesPerRow)));
  }

  get #takesMore(): boolean {
    return this.#because === undefined && this.#count < this.#maxItems;
  }

  addItem(value: JsonValue, text: string): void | Promise<void> {
    const kept = this.#options.keeper?.add(text);
    if (!this.#hasRoom(text)) return kept;
    this.#count += 1;
    const reasons = this.#options.checks?.item?.(value, 'it');
    if (reasons !== undefined) throw this.#mismatch(`${this.#part} ${this.#count}: ${reasons}`);
    if (this.#count <= KEPT_ITEMS) this.#items.push(value);
    this.#addText(text, () => `${this.#part} ${this.#count}`);
    return kept;
  }

  finishList({ hasMore, total }: RowsRead): JsonResult {
    if (this.#options.checks !== undefined) this.#checkList();
    const items = this.#count > KEPT_ITEMS ? null : this.#items;
    const list = { shape: 'array', items, ...this.#resultText() } as const;
    const because = this.#because ?? (hasMore ? 'rows' : undefined);
    if (because === undefined) return list;
    const { offset = 0, argument } = this.#options.limits ?? {};
    return { ...list, leftOut: { because, offset, nextOffset: offset + this.#count, total, argument } };
  }

  /** `reached` says in the error of a result that is too large how far it came. */
  finishObject(value: JsonObject, reached: string): JsonResult {
    this.#addWhole(value, JSON.stringify(value, null, 2), reached);
    return { shape: 'object', value, ...this.#resultText() };
  }

  finishScalar(value: JsonValue, reached: string): JsonResult {
    this.#addWhole(value, toText(value), reached);
    return { shape: 'scalar', value, ...this.#resultText() };
  }

  #hasRoom(text: string): boolean {
    const { limits } = this.#options;
    if (limits === undefined) return true;
    if (!this.#takesMore) this.#because ??= 'rows';
    else if (this.#count >= this.#least && this.#texts.bytes + Buffer.byteLength(text) > limits.maxBytes)
      this.#because = 'bytes';
    return this.#because === undefined;
  }

  /** Checks what only the list as a whole can break. Items are equal if their texts are. */
  #checkList(): void {
    const length = this.#count;
    const part = this.#part;
    const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, uniqueItems } = this.#options.returns ?? {};
    const { offset = 0, argument } = this.#options.limits ?? {};
    const isPage = argument === 'offset' || offset > 0;
    if (length < minItems && !isPage)
      throw this.#mismatch(`it has ${plural(length, part)}, fewer than minItems (${minItems})`);
    if (length > maxItems) throw this.#mismatch(`it has ${plural(length, part)}, more than maxItems (${maxItems})`);
    if (uniqueItems === true && new Set(this.#texts).size < length)
      throw this.#mismatch(`it has equal ${part}s, and uniqueItems is true`);
  }

  #addWhole(value: JsonValue, text: string, reached: string): void {
    const reasons = this.#options.checks?.whole(value, 'it');
    if (reasons !== undefined) throw this.#mismatch(reasons);
    this.#addText(text, () => reached);
  }

  #mismatch(reason: string): MxcpError {
    const { endpoint } = this.#options;
    const message = `the result of ${endpoint} does not fit its return type: ${reason}`;
    return new MxcpError('output_invalid', message);
  }

  #addText(text: string, reached: () => string): void {
    const { endpoint, maxResultBytes } = this.#options;
    this.#texts.add(text);
    if (this.#texts.bytes > maxResultBytes)
      throw tooLarge(`the result of ${endpoint}`, maxResultBytes, `at ${reached()}`);
  }

  #resultText(): ResultText {
    return { texts: this.#texts.toTexts(), bytes: this.#texts.bytes };
  }
}

/** The pieces of a JSON array whose items are already JSON. */
export function* jsonListPieces(items: Iterable<string>): Generator<string> {
  let separator = '[';
  for (const json of items) {
    yield separator;
    yield json;
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}

/** Texts stay strings up to this many bytes; later texts are packed. */
const PLAIN_BYTES = 64 * 1024;
const SLAB_BYTES = 256 * 1024;

/** A text in a slab of bytes. */
interface PackedText {
  readonly slab: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * Collects the texts of one result. Those of a large result are kept as bytes outside the JavaScript heap: strings are
 * copied by two collections of young garbage each, which held the event loop for 10 to 30 ms again and again while
 * results of 10 MiB were written (Node 20).
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

  get bytes(): number {
    return this.#bytes;
  }

  /** All texts so far; an array while they are few. */
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

/** How many rows, items or blocks a result has. */
export function countParts(result: ShapedResult): number {
  if (result.shape === 'content') return result.blocks.length;
  return result.shape === 'array' ? result.texts.length : 1;
}
