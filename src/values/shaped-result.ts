import type { AnswerLimits } from '../config/index.js';
import type { JsonObject, JsonValue } from '../duckdb/index.js';
import type { ContentParts } from './content-collector.js';

/** A result in the shape its `return` type gives it. */
export type ShapedResult = ResultText &
  (
    | {
        readonly shape: 'array';
        /** The items themselves while they are few. Of many items only the texts are kept: less work for the garbage collector. */
        readonly items: readonly JsonValue[] | null;
        /** Absent when the list is whole. */
        readonly leftOut?: LeftOut | undefined;
      }
    | { readonly shape: 'object'; readonly value: JsonObject }
    | { readonly shape: 'scalar'; readonly value: JsonValue }
    | (ContentParts & { readonly leftOut?: LeftOut | undefined })
  );

/** A result that is JSON. */
export type JsonResult = Exclude<ShapedResult, { readonly shape: 'content' }>;

export interface ResultText {
  /**
   * One text for each item of an array, none for content, exactly one otherwise: its JSON, or the string itself for a string that is the
   * whole result. Made while the rows were read, so a large result is never serialised in one go.
   */
  readonly texts: ResultTexts;
  /** UTF-8 bytes of all texts, or of what the content holds. */
  readonly bytes: number;
}

/** By which argument callers ask for the rows that an answer leaves out. */
export type Paging = 'offset' | 'cursor';

/** What a list lacks at its end, so that the answer fits. */
export interface LeftOut {
  readonly because: 'rows' | 'bytes';
  /** The place of the first item of the answer in the whole list, and of the first one left out. */
  readonly offset: number;
  readonly nextOffset: number;
  /** The number of items of the whole list, where it was cheap to know. */
  readonly total: number | undefined;
  /** The argument by which a caller gets others. */
  readonly argument: 'limit' | Paging | undefined;
  /** The value of `cursor` that gives the first item left out. Absent if it cannot be read this way. */
  readonly cursor?: string | undefined;
  /** Where the whole list is, if it was kept. */
  readonly kept?: KeptLink | undefined;
}

/** A whole list that its caller can read for a while. */
export interface KeptLink {
  readonly uri: string;
  readonly rows: number;
  readonly until: Date;
}

/** Takes all rows of one result, for the case that its answer is shortened. Ends with `keep` or `discard`. */
export interface RowKeeper {
  /** A returned promise resolves when there is room for more. */
  add(text: string): Promise<void> | undefined;
  /** False when no more rows can be kept. */
  takesMore(): boolean;
  /** Adds what leads to the rows; nothing if they could not be kept. */
  keep(leftOut: LeftOut): Promise<LeftOut>;
  discard(): Promise<void>;
}

/** What an endpoint says of the length of its answers. */
export interface AnswerRules extends AnswerLimits {
  /** Whether the limits of the server apply where the endpoint has none. Not to resources: a program may need the whole text. */
  readonly hasDefaults: boolean;
  /** The argument by which callers ask for another part of the list. */
  readonly argument: LeftOut['argument'];
}

/** How much of a list an answer may have. It has at least one item, and as many as its type declares with `minItems`. */
export interface ListLimits {
  /** Of the first item. */
  readonly offset: number;
  readonly maxRows: number;
  readonly maxBytes: number;
  readonly argument: LeftOut['argument'];
}

/** Parts of a result as text, in order. Read them one at a time: the whole may be large. */
export interface ResultTexts extends Iterable<string> {
  readonly length: number;
}
