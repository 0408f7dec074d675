/** What MCP and HTTP call a media type, with parameters. */
export const MIME_TYPE =
  /^[\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127}(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+/-]+|"[^"]*"))*$/;

/** Types whose content is not text. Contents of all other types are read as text by people and models. */
const BINARY_TYPES =
  /^(?:audio|font|image|video)\/(?!svg\+xml)|^application\/(?:epub\+zip|gzip|msword|octet-stream|pdf|wasm|zip|x-(?:7z-compressed|bzip2|sqlite3|tar)|vnd\.(?:apache\.(?:arrow|parquet)|ms-|openxmlformats-))/i;

export function isBinaryType(mimeType: string): boolean {
  return BINARY_TYPES.test(mimeType);
}

/**
 * The bytes of a value in base 64. Bytes arrive as text if they are UTF-8, otherwise in base 64 already, as a function may also write
 * them itself. No file of a binary type consists of the letters of base 64 alone, so the two cannot be confused.
 */
export function toBase64(value: string, mimeType: string): string {
  return isBinaryType(mimeType) && isBase64(value) ? value : Buffer.from(value).toString('base64');
}

/** Not one expression for the whole text: over megabytes it would overflow the stack. */
function isBase64(text: string): boolean {
  const end = text.endsWith('==') ? -2 : text.endsWith('=') ? -1 : text.length;
  return text.length % 4 === 0 && !/[^A-Za-z0-9+/]/.test(text.slice(0, end));
}

/** What the names of files end with. */
const BY_EXTENSION: Readonly<Partial<Record<string, string>>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  svg: 'image/svg+xml',
  wav: 'audio/wav',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
  yml: 'application/yaml',
  yaml: 'application/yaml',
  xml: 'application/xml',
  sql: 'application/sql',
  pdf: 'application/pdf',
  zip: 'application/zip',
  parquet: 'application/vnd.apache.parquet',
};

/** The type that the name of a file implies; undefined if it implies none. */
export function mimeTypeOfFile(name: string): string | undefined {
  const extension = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase();
  return extension === undefined ? undefined : BY_EXTENSION[extension];
}

/** Whether a text is bytes in base 64. An empty one is no bytes, and no content. */
export function isBase64Text(text: string): boolean {
  return text !== '' && isBase64(text);
}

/** How many bytes a text in base 64 encodes. */
export function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return (text.length / 4) * 3 - padding;
}
