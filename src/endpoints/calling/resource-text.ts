import { jsonListPieces, type ShapedResult } from '../../values/index.js';

export interface ResourceText {
  readonly uri: string;
  readonly mimeType: string;
  /** Pieces of the text, to be concatenated; large results come in many. */
  readonly texts: Iterable<string>;
  /** UTF-8 bytes of the text. */
  readonly bytes: number;
  /** Whether the text is bytes in base 64. */
  readonly isBinary: boolean;
}

/** The result of a resource as the one text that its clients read. */
export function toResourceText(uri: string, mimeType: string, result: ShapedResult): ResourceText {
  const binary = toBase64(result, mimeType);
  if (binary !== undefined) return { uri, mimeType, texts: [binary], bytes: binary.length, isBinary: true };
  const texts = result.shape === 'array' ? { [Symbol.iterator]: () => jsonListPieces(result.texts) } : result.texts;
  return { uri, mimeType, texts, bytes: result.bytes, isBinary: false };
}

/** Types whose content is not text. Contents of all other types are read as text by people and models. */
const BINARY_TYPES =
  /^(?:audio|font|image|video)\/(?!svg\+xml)|^application\/(?:epub\+zip|gzip|msword|octet-stream|pdf|wasm|zip|x-(?:7z-compressed|bzip2|sqlite3|tar)|vnd\.(?:apache\.(?:arrow|parquet)|ms-|openxmlformats-))/i;

/**
 * The bytes of a resource in base 64, when its type is binary and its result a single text. Bytes arrive as text if they
 * are UTF-8, otherwise in base 64 already, as a function may also write them itself. No file of these types consists of
 * the letters of base 64 alone, so the two cannot be confused. Undefined when the result is text.
 */
function toBase64(result: ShapedResult, mimeType: string): string | undefined {
  if (result.shape !== 'scalar' || typeof result.value !== 'string' || !BINARY_TYPES.test(mimeType)) return undefined;
  const { value } = result;
  return isBase64(value) ? value : Buffer.from(value).toString('base64');
}

/** Not one expression for the whole text: over megabytes it would overflow the stack. */
function isBase64(text: string): boolean {
  const end = text.endsWith('==') ? -2 : text.endsWith('=') ? -1 : text.length;
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, end));
}
