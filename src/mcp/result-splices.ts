import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import { EventLoopBudget } from '../lifecycle/index.js';

/** Makes the JSON that takes the place of a placeholder, in small pieces. */
export type JsonPieces = () => Iterable<string>;

interface Splice {
  readonly replaces: 'string' | 'enclosing_object';
  readonly pieces: JsonPieces;
}

/** A part of a serialised message: text as the SDK made it, or JSON to be written piece by piece. */
export type MessagePart = string | JsonPieces;

/**
 * Large results of one response. The SDK serialises a message in one go, which for 10 MiB holds the event loop for 100 ms
 * and more. So a large result is handed to the SDK as a placeholder, and the writer of the response puts the real JSON
 * in its place, slice by slice. A placeholder is a random UUID that only this object knows, so no text of a caller can be
 * taken for one. Lives as long as the response (or, on stdio, the connection).
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

  /** The parts of a serialised message in order. Each placeholder is given out once. */
  partsOf(message: string): readonly MessagePart[] {
    if (this.#splices.size === 0) return [message];
    const parts: MessagePart[] = [];
    let written = 0;
    for (const found of this.#find(message)) {
      parts.push(message.slice(written, found.start), found.pieces);
      written = found.end;
      this.#splices.delete(found.token);
    }
    parts.push(message.slice(written));
    return parts;
  }

  #add(splice: Splice): string {
    // Without its dashes it passes for base 64 as well, where the SDK asks for that.
    const token = randomUUID().replaceAll('-', '');
    this.#splices.set(token, splice);
    return token;
  }

  #find(message: string): { token: string; start: number; end: number; pieces: JsonPieces }[] {
    const found = [];
    for (const [token, splice] of this.#splices) {
      const quoted = message.indexOf(`"${token}"`);
      if (quoted === -1) continue;
      const isString = splice.replaces === 'string';
      const start = isString ? quoted : message.lastIndexOf('{', quoted);
      const end = isString ? quoted + token.length + 2 : message.indexOf('}', quoted) + 1;
      found.push({ token, start, end, pieces: splice.pieces });
    }
    return found.sort((a, b) => a.start - b.start);
  }
}

/** How much text one step may escape or write: JSON.stringify of this much takes well under a millisecond. */
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

/** The JSON string whose value is all texts one after the other, in small pieces. */
export function* jsonStringPieces(texts: Iterable<string>): Generator<string> {
  yield '"';
  for (const text of texts) {
    for (const slice of slicesOf(text)) yield JSON.stringify(slice).slice(1, -1);
  }
  yield '"';
}

/**
 * Finished JSON in small pieces, on one line: a message may not contain line breaks, and in JSON they stand only between
 * values.
 */
export function* jsonPieces(json: string): Generator<string> {
  for (const slice of slicesOf(json)) yield hasLineBreak(slice) ? slice.replaceAll(/[\r\n]/g, '') : slice;
}

/** Ten times as fast as a pattern, and rows seldom have one. */
function hasLineBreak(text: string): boolean {
  return text.includes('\n') || text.includes('\r');
}

/** The JSON array of finished JSON texts, in small pieces. */
export function* jsonArrayPieces(jsonTexts: Iterable<string>): Generator<string> {
  let separator = '[';
  for (const json of jsonTexts) {
    yield separator;
    yield* jsonPieces(json);
    separator = ',';
  }
  yield separator === '[' ? '[]' : ']';
}

/** Joins small pieces, so that a result of many small rows is not written row by row. */
export function* gathered(pieces: Iterable<string>): Generator<string> {
  let pending = '';
  for (const piece of pieces) {
    pending += piece;
    if (pending.length < SLICE_CHARS) continue;
    yield pending;
    pending = '';
  }
  if (pending !== '') yield pending;
}

/** The other side closed before it had everything. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/**
 * Writes one chunk and waits while the other side is slower than we are, so that a large result is never held a second
 * time in the stream's buffer. Throws `OutputClosed`.
 */
export async function writeChunk(output: Writable, chunk: string): Promise<void> {
  if (output.destroyed) throw new OutputClosed();
  if (output.write(chunk)) return;
  await drained(output);
}

function drained(output: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    const onDrain = () => end(resolve);
    const onClose = () => end(() => reject(new OutputClosed()));
    const onError = (cause: Error) => end(() => reject(new OutputClosed(undefined, { cause })));
    const end = (settle: () => void) => {
      output.off('drain', onDrain).off('close', onClose).off('error', onError);
      settle();
    };
    output.on('drain', onDrain).on('close', onClose).on('error', onError);
  });
}

/**
 * Writes a message part by part, sharing the event loop between the slices of a large result. Throws `OutputClosed`.
 */
export async function writeMessage(parts: readonly MessagePart[], output: Writable): Promise<void> {
  const budget = new EventLoopBudget();
  for (const chunk of gathered(flattened(parts))) {
    await budget.spend();
    await writeChunk(output, chunk);
  }
}

function* flattened(parts: readonly MessagePart[]): Generator<string> {
  for (const part of parts) {
    if (typeof part === 'string') yield part;
    else yield* part();
  }
}
