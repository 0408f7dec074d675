import { createHmac, randomBytes } from 'node:crypto';
import { FileReadError, readTextFile, type ReadTextFileOptions } from './disk-reader.js';

/** How a text file is read; `FileLedger` gives one that takes notes. */
export type TextReader = (path: string, options: ReadTextFileOptions) => Promise<string>;

/** One file that a configuration was made of, as it was when it was read. */
export interface ReadFile {
  /** Absolute. */
  readonly path: string;
  readonly maxBytes: number;
  /** Equal marks mean equal content. A keyed hash, or why there was no text to hash. */
  readonly mark: string;
}

/** The mark of a path that has no file. */
export const MISSING = 'missing';

/**
 * Notes what each file that is read holds, so that it can be told later whether the disk still says what a
 * configuration was made of, whatever happened between the reading and the question.
 */
export class FileLedger {
  readonly #files = new Map<string, ReadFile>();

  /** As `readTextFile`. */
  readonly read: TextReader = async (path, options) => {
    try {
      const text = await readTextFile(path, options);
      this.#note({ path, maxBytes: options.maxBytes, mark: markOfText(text) });
      return text;
    } catch (error) {
      if (error instanceof FileReadError)
        this.#note({ path, maxBytes: options.maxBytes, mark: markOfError(error) });
      throw error;
    }
  };

  get files(): readonly ReadFile[] {
    return [...this.#files.values()];
  }

  /** The first reading of a path counts: when a second one differs, the file has changed since, and that must show. */
  #note(file: ReadFile): void {
    if (!this.#files.has(file.path)) this.#files.set(file.path, file);
  }
}

/** What the file holds now. Rejects with the reason of the signal when nothing came in time. */
export async function readMark(
  { path, maxBytes }: Pick<ReadFile, 'path' | 'maxBytes'>,
  signal?: AbortSignal,
): Promise<string> {
  try {
    return markOfText(await readTextFile(path, { maxBytes, signal }));
  } catch (error) {
    if (error instanceof FileReadError) return markOfError(error);
    throw error;
  }
}

function markOfText(text: string): string {
  return `text ${fingerprint(text)}`;
}

function markOfError(error: FileReadError): string {
  return error.missing ? MISSING : `unreadable: ${error.message}`;
}

/** Random per process: a fingerprint shows a change and tells nothing about the value. */
const key = randomBytes(32);

export function fingerprint(value: string): string {
  return createHmac('sha256', key).update(value).digest('hex').slice(0, 16);
}
