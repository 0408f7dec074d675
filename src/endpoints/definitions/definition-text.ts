import { createHash } from 'node:crypto';
import { decodeText, FileReadError, type DiskReader } from '../../config/index.js';

/** Far more than a person writes. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Files read at once: hides the latency of the disk; each is worked on as its text arrives. */
export const PARALLEL_READS = 8;

/** The mark of what cannot be read. */
export const UNREADABLE = 'unreadable';

/** One file of a definition as it was when it was read. Equal marks mean equal content. */
export type DefinitionText = { readonly mark: string } & (
  | { readonly text: string }
  | { readonly text?: undefined; readonly error: FileReadError }
);

/** Reads an endpoint file, or the SQL file that one names. */
export async function readDefinitionText(path: string, disk: DiskReader): Promise<DefinitionText> {
  try {
    return toDefinitionText(await disk.readFile(path, MAX_FILE_BYTES));
  } catch (error) {
    if (error instanceof FileReadError) return { mark: UNREADABLE, error };
    throw error;
  }
}

function toDefinitionText(bytes: Buffer): DefinitionText {
  const mark = createHash('sha256').update(bytes).digest('hex');
  try {
    return { mark, text: decodeText(bytes) };
  } catch (error) {
    if (error instanceof FileReadError) return { mark, error };
    throw error;
  }
}
