import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { decodeText } from '../../config/index.js';

/** One file of a definition as it was when it was read. Equal marks mean equal content. */
export type DefinitionText = { readonly mark: string } & (
  | { readonly text: string }
  | { readonly text?: undefined; readonly error: unknown }
);

/**
 * Reads an endpoint file, or the SQL file that one names. Never rejects. One promise for each file, around a callback:
 * the `readFile` of `fs/promises` takes twice as long for a small file (Node 20).
 */
export function readDefinitionText(path: string): Promise<DefinitionText> {
  return new Promise((resolve) => {
    fs.readFile(path, (error, bytes) =>
      resolve(error === null ? toDefinitionText(bytes) : { mark: 'unreadable', error }),
    );
  });
}

function toDefinitionText(bytes: Buffer): DefinitionText {
  const mark = createHash('sha256').update(bytes).digest('hex');
  try {
    return { mark, text: decodeText(bytes) };
  } catch (error) {
    return { mark, error };
  }
}
