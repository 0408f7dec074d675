import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { CallToolResult, ReadResourceResult } from '@modelcontextprotocol/server';
import { losesOrder } from '../duckdb/index.js';
import type { ResourceText } from '../endpoints/index.js';
import { ClientGone } from '../http/index.js';
import { EventLoopBudget } from '../lifecycle/index.js';
import {
  jsonListPieces,
  type JsonResult,
  type KeptLink,
  type LeftOut,
  type ShapedResult,
  toTokens,
} from '../values/index.js';

/**
 * Results of at least this size, and lists of which only the texts were kept, are written by the splicing writer. Smaller
 * results are faster the way of the SDK, which checks every block of a result against its schema.
 */
export const SPLICE_FROM_BYTES = 64 * 1024;

/** A longer list is one text block: clients make an object of each block, and models pay for what is around it. */
const MAX_BLOCKS = 100;

/**
 * An object becomes one text block and itself, an array one text block per item; anything else is under `result`. People
 * and models read the blocks, so an item that is a string is shown without quotes. A list without items, or with too many for
 * blocks of their own, is one block of JSON.
 */
export function toToolResult(result: JsonResult, splices: ResultSplices): CallToolResult {
  const structuredContent = result.bytes >= SPLICE_FROM_BYTES ? null : toStructuredContent(result);
  if (structuredContent === null) return toSplicedResult(result, splices);
  const toBlockText = result.shape === 'array' ? itemText : (text: string): string => text;
  const texts = isOneBlock(result)
    ? [[...jsonListPieces(result.texts)].join('')]
    : Array.from(result.texts, toBlockText);
  const blocks = texts.map((text) => ({ type: 'text' as const, text }));
  return { content: [...blocks, ...noteBlocks(result)], structuredContent };
}

type ShortenedList = Extract<JsonResult, { readonly shape: 'array' }> & { readonly leftOut: LeftOut };

function isShortened(result: JsonResult): result is ShortenedList {
  return result.shape === 'array' && result.leftOut !== undefined;
}

/** What a model reads after a list that is not whole. */
export function noteBlocks(result: ShapedResult): { readonly type: 'text'; readonly text: string }[] {
  const leftOut = 'leftOut' in result ? result.leftOut : undefined;
  return leftOut === undefined ? [] : [{ type: 'text', text: noteOf(result, leftOut) }];
}

function noteOf({ texts, bytes }: ShapedResult, leftOut: LeftOut): string {
  const { offset, nextOffset, total } = leftOut;
  const count = texts.length || nextOffset - offset;
  const one = offset === 0 ? 'This is the first row' : `This is row ${nextOffset}`;
  const several = offset === 0 ? `the first ${count} rows` : `rows ${offset + 1} to ${nextOffset}`;
  const which = count === 1 ? one : `These are ${several}`;
  const all = total === undefined ? '; there are more' : ` of ${total}`;
  return `${which}${all} (about ${toTokens(bytes)} tokens). ${adviceOf(leftOut)}${leftOut.kept === undefined ? '' : adviceOfKept(leftOut.kept)}`;
}

function adviceOf({ argument, because, nextOffset, cursor }: LeftOut): string {
  if (cursor !== undefined) return `Call again with the same arguments and "cursor": "${cursor}" for the next ones.`;
  if (argument === 'cursor') return 'No cursor leads to the others. Other arguments may give fewer rows.';
  if (argument === 'offset') return `Call again with "offset": ${nextOffset} for the next ones, or ask for fewer.`;
  if (argument === undefined) return 'Other arguments may give fewer rows.';
  return because === 'rows'
    ? 'Narrow the query, or give a larger "limit".'
    : 'No more fit into an answer: select fewer columns or rows, or aggregate.';
}

function adviceOfKept({ uri, until }: KeptLink): string {
  const time = until.toISOString().slice(11, 16);
  return ` All rows are the resource ${uri} until ${time} UTC: in pages with "?offset=1000" and so on, or whole with ".csv" or ".parquet" behind it.`;
}

/** What is beside `result`. */
function factsOf(returned: number, { argument, nextOffset, total, cursor, kept }: LeftOut): Record<string, unknown> {
  return {
    truncated: true,
    returned,
    ...(total !== undefined && { total }),
    ...(argument === 'offset' && { next_offset: nextOffset }),
    ...(cursor !== undefined && { next_cursor: cursor }),
    ...(kept !== undefined && { full_result: kept.uri }),
  };
}

function isOneBlock({ shape, texts }: JsonResult): boolean {
  return shape === 'array' && (texts.length === 0 || texts.length > MAX_BLOCKS);
}

/** JSON that begins with a quote is a string. */
function itemText(json: string): string {
  return json.startsWith('"') ? String(JSON.parse(json)) : json;
}

/** Null when only the texts were kept, or only they have the fields in order. */
function toStructuredContent(result: JsonResult): Record<string, unknown> | null {
  // The SDK copies the fields of this object in a session, and a copy would have other fields first.
  if (result.shape === 'object') return losesOrder(Object.keys(result.value)) ? null : result.value;
  if (result.shape === 'scalar') return { result: result.value };
  return result.items === null
    ? null
    : { result: result.items, ...(isShortened(result) && factsOf(result.texts.length, result.leftOut)) };
}

function toSplicedResult(result: JsonResult, splices: ResultSplices): CallToolResult {
  const content = splices.addObject(() => textBlockPieces(result));
  const structured = splices.addObject(() => structuredPieces(result));
  return {
    content: [{ type: 'text', text: content }, ...noteBlocks(result)],
    structuredContent: { [structured]: true },
  };
}

/** The elements of `content`, without its brackets. */
function* textBlockPieces(result: JsonResult): Generator<string> {
  const { shape, texts } = result;
  if (isOneBlock(result)) {
    yield '{"type":"text","text":';
    yield* jsonStringPieces(jsonListPieces(texts));
    yield '}';
    return;
  }
  let opening = '{"type":"text","text":';
  for (const text of texts) {
    yield opening;
    if (shape === 'array' && text.startsWith('"')) yield text;
    else yield* jsonStringPieces([text]);
    opening = '},{"type":"text","text":';
  }
  yield '}';
}

function* structuredPieces(result: JsonResult): Generator<string> {
  if (result.shape === 'object') return yield* result.texts;
  yield '{"result":';
  if (result.shape === 'array') yield* jsonListPieces(result.texts);
  else if (typeof result.value === 'string') yield* jsonStringPieces([result.value]);
  else yield JSON.stringify(result.value);
  yield isShortened(result) ? `,${JSON.stringify(factsOf(result.texts.length, result.leftOut)).slice(1)}` : '}';
}

/** The JSON string whose value is all texts one after the other, in small pieces. */
export function* jsonStringPieces(texts: Iterable<string>): Generator<string> {
  yield '"';
  for (const text of texts) {
    for (const slice of slicesOf(text)) yield JSON.stringify(slice).slice(1, -1);
  }
  yield '"';
}

export function toResourceResult(resource: ResourceText, splices: ResultSplices): ReadResourceResult {
  const { uri, mimeType, texts, bytes, isBinary, shortened } = resource;
  const isLarge = bytes >= SPLICE_FROM_BYTES;
  const text = isLarge ? splices.addString(() => jsonStringPieces(texts)) : [...texts].join('');
  if (isBinary) return { contents: [{ uri, mimeType, blob: text }] };
  // A note in the text would make it invalid JSON.
  const meta = shortened && { _meta: { 'mxcp/left-out': factsOf(shortened.returned, shortened.leftOut) } };
  return { contents: [{ uri, mimeType, text, ...meta }] };
}

/** Makes the JSON that replaces a placeholder, in pieces. Line breaks between its values are removed when it is written. */
export type JsonPieces = () => Iterable<string>;

/** A part of a serialised message: text as the SDK made it, or JSON to be written piece by piece. */
export type MessagePart = string | JsonPieces;

interface Splice {
  readonly replaces: 'string' | 'enclosing_object';
  readonly pieces: JsonPieces;
}

/**
 * The large results of one response. The SDK serialises a message in one go, which blocks the event loop for 100 ms and
 * more if it has 10 MiB. So the SDK gets a placeholder instead of a large result, and the writer of the response replaces
 * it with the real JSON, slice by slice. A placeholder is a random UUID that only this object knows, so no text of a
 * caller can be mistaken for one. Lives as long as the response (on stdio, as the connection).
 */
export class ResultSplices {
  readonly #splices = new Map<string, Splice>();

  /** Returns the text to use as a string value of the result: the whole JSON string is replaced. */
  addString(pieces: JsonPieces): string {
    return this.#add({ replaces: 'string', pieces });
  }

  /** Returns the text to use as a key or a value in an object without nested objects: that object is replaced. */
  addObject(pieces: JsonPieces): string {
    return this.#add({ replaces: 'enclosing_object', pieces });
  }

  /** The parts of a serialised message in order. Each placeholder is replaced once. */
  partsOf(message: string): readonly MessagePart[] {
    if (this.#splices.size === 0) return [message];
    const parts: MessagePart[] = [];
    let written = 0;
    for (const { token, start, end, pieces } of this.#find(message)) {
      parts.push(message.slice(written, start), pieces);
      written = end;
      this.#splices.delete(token);
    }
    parts.push(message.slice(written));
    return parts;
  }

  #add(splice: Splice): string {
    // Without its dashes it is valid base 64 as well, where the SDK asks for that.
    const token = randomUUID().replaceAll('-', '');
    this.#splices.set(token, splice);
    return token;
  }

  #find(message: string): { token: string; start: number; end: number; pieces: JsonPieces }[] {
    const found = [];
    for (const [token, { replaces, pieces }] of this.#splices) {
      const quoted = message.indexOf(`"${token}"`);
      if (quoted === -1) continue;
      const isString = replaces === 'string';
      const start = isString ? quoted : message.lastIndexOf('{', quoted);
      const end = isString ? quoted + token.length + 2 : message.indexOf('}', quoted) + 1;
      found.push({ token, start, end, pieces });
    }
    return found.sort((a, b) => a.start - b.start);
  }
}

/** How much text one step escapes or writes: JSON.stringify takes well under a millisecond for it. */
const SLICE_CHARS = 32 * 1024;

/** Cuts a text into slices without cutting a surrogate pair, which would not survive the encoding to UTF-8. */
function* slicesOf(text: string): Generator<string> {
  let start = 0;
  while (text.length - start > SLICE_CHARS) {
    let end = start + SLICE_CHARS;
    if (isHighSurrogate(text.charCodeAt(end - 1))) end -= 1;
    yield text.slice(start, end);
    start = end;
  }
  yield text.slice(start);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

/**
 * Writes a message part by part and shares the event loop between the slices of a large result. Returns the number of bytes.
 * Throws `ClientGone`.
 */
export async function writeMessage(parts: readonly MessagePart[], output: Writable): Promise<number> {
  const budget = new EventLoopBudget();
  let bytes = 0;
  for (const chunk of toChunks(parts)) {
    await budget.spend();
    if (output.destroyed) throw new ClientGone();
    // Waits for a slow reader, so a large result is never held a second time in the stream's buffer.
    bytes += Buffer.byteLength(chunk);
    if (!output.write(chunk)) await drained(output);
  }
  return bytes;
}

/** Joins small pieces, so a result of many small rows is not written row by row. */
function* toChunks(parts: readonly MessagePart[]): Generator<string> {
  let pending = '';
  for (const part of parts) {
    for (const piece of typeof part === 'string' ? [part] : oneLine(part())) {
      pending += piece;
      if (pending.length < SLICE_CHARS) continue;
      yield pending;
      pending = '';
    }
  }
  if (pending !== '') yield pending;
}

/** A message must not contain line breaks. In JSON they appear only between values, so they can be removed. */
function* oneLine(jsonPieces: Iterable<string>): Generator<string> {
  for (const json of jsonPieces) {
    for (const slice of slicesOf(json)) yield hasLineBreak(slice) ? slice.replaceAll(/[\r\n]/g, '') : slice;
  }
}

/** Ten times as fast as a pattern, and rows seldom have a line break. */
function hasLineBreak(text: string): boolean {
  return text.includes('\n') || text.includes('\r');
}

function drained(output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => end(resolve);
    const onClose = () => end(() => reject(new ClientGone()));
    const onError = (cause: Error) => end(() => reject(new ClientGone(undefined, { cause })));
    const end = (settle: () => void) => {
      output.off('drain', onDrain).off('close', onClose).off('error', onError);
      settle();
    };
    output.on('drain', onDrain).on('close', onClose).on('error', onError);
  });
}
