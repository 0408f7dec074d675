import type { ShapedResult } from '../calls.js';

/** Types whose content is no text. Of all others, people and models read the text. */
const BINARY_TYPES =
  /^(?:audio|font|image|video)\/(?!svg\+xml)|^application\/(?:epub\+zip|gzip|msword|octet-stream|pdf|wasm|zip|x-(?:7z-compressed|bzip2|sqlite3|tar)|vnd\.(?:apache\.(?:arrow|parquet)|ms-|openxmlformats-))/i;
/**
 * The bytes of a resource in base 64, when its type is a binary one and its result a single text. Bytes arrive as text where
 * they are UTF-8, else in base 64 already, as a function may write them itself. No file of these types consists of the letters
 * of base 64 alone, so that the two cannot be mistaken. Undefined when the result is to be read as text.
 */
export function toBinaryContent(result: ShapedResult, mimeType: string): string | undefined {
  if (result.shape !== 'scalar' || typeof result.value !== 'string' || !BINARY_TYPES.test(mimeType))
    return undefined;
  const { value } = result;
  return isBase64(value) ? value : Buffer.from(value).toString('base64');
}

/** No expression for the whole: over a text of megabytes it would need more stack than there is. */
function isBase64(text: string): boolean {
  const end = text.endsWith('==') ? -2 : text.endsWith('=') ? -1 : text.length;
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, end));
}
