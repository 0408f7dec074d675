import { raceSignal } from '../../lifecycle/index.js';
import { FileReadError } from './file-read-error.js';
import { readRegularFile } from './read-regular-file.js';

export interface ReadTextFileOptions {
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads a whole regular file as UTF-8 text without a byte order mark. A pipe, a device or a hung network file system
 * does not hold the caller longer than `signal` allows. Throws `FileReadError`.
 */
export async function readTextFile(path: string, options: ReadTextFileOptions): Promise<string> {
  // What the kernel holds cannot be stopped; whatever it opened it closes by itself.
  return decodeText(await raceSignal(readRegularFile(path, options.maxBytes), options.signal));
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true });

/** What a whole file holds, as UTF-8 text without a byte order mark. Throws `FileReadError` when it is anything else. */
export function decodeText(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new FileReadError('is not a text file', false);
  try {
    return UTF_8.decode(bytes);
  } catch (error) {
    throw new FileReadError('is not UTF-8 text', false, { cause: error });
  }
}
