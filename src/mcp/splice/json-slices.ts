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
