import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Between the places in the file that are known without reading it. */
const STEP_ROWS = 1000;
const MAX_RESULT_BYTES = 256 * 1024 * 1024;
/** Rows wait in memory until they are so many bytes; fewer never reach a disk. */
const BUFFERED_BYTES = 256 * 1024;
const READ_BYTES = 64 * 1024;

/** The rows of one result as lines of JSON. Its owner closes the file. */
export interface RowFile {
  readonly file: FileHandle;
  readonly rows: number;
  readonly bytes: number;
  /** Where every row begins whose number is a multiple of `STEP_ROWS`. */
  readonly starts: readonly number[];
  /** False if there were more rows than a file may have. */
  readonly isWhole: boolean;
}

/** A file that no other process can open by a name. */
export async function openUnnamed(folder: string): Promise<FileHandle> {
  const openIn = async (place: string): Promise<FileHandle> => {
    const path = join(place, `.mxcp-result-${randomUUID()}`);
    const file = await open(path, 'wx+', 0o600);
    await unlink(path);
    return file;
  };
  // The folder of a read-only database may be read-only too.
  return openIn(folder).catch(() => openIn(tmpdir()));
}

/** Writes rows as lines of JSON. */
export class RowWriter {
  readonly #open: () => Promise<FileHandle>;
  readonly #starts: number[] = [];
  #rows = 0;
  #bytes = 0;
  #file: FileHandle | undefined;
  #lines: string[] = [];
  #buffered = 0;
  #failure: unknown;
  #writing: Promise<void> = Promise.resolve();

  constructor(openFile: () => Promise<FileHandle>) {
    this.#open = openFile;
  }

  get isFull(): boolean {
    return this.#bytes > MAX_RESULT_BYTES || this.#failure !== undefined;
  }

  /** A returned promise resolves when there is room for more. */
  add(text: string): Promise<void> | undefined {
    if (this.isFull) return undefined;
    if (this.#rows % STEP_ROWS === 0) this.#starts.push(this.#bytes);
    const size = Buffer.byteLength(text) + 1;
    this.#rows += 1;
    this.#bytes += size;
    this.#buffered += size;
    this.#lines.push(text, '\n');
    return this.#buffered < BUFFERED_BYTES ? undefined : this.#flush();
  }

  /** Throws what kept it from being written. */
  async end(): Promise<RowFile> {
    await this.#flush();
    const file = this.#file;
    if (file === undefined || this.#failure !== undefined) throw this.#failure;
    const [rows, bytes, starts] = [this.#rows, this.#bytes, this.#starts];
    return { file, rows, bytes, starts, isWhole: bytes <= MAX_RESULT_BYTES };
  }

  async discard(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }

  #flush(): Promise<void> {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#buffered = 0;
    this.#writing = this.#writing.then(() => this.#write(text));
    return this.#writing;
  }

  /** Never rejects: `end` throws the failure. */
  async #write(text: string): Promise<void> {
    try {
      this.#file ??= await this.#open();
      await this.#file.appendFile(text);
    } catch (error) {
      this.#failure ??= error;
    }
  }
}

/** The rows from a place on, the first of which has the number 0. */
export async function* rowsFrom({ file, starts }: RowFile, offset: number): AsyncGenerator<string> {
  const step = Math.floor(offset / STEP_ROWS);
  const start = starts[step];
  if (start === undefined) return;
  let number = step * STEP_ROWS;
  for await (const line of linesFrom(file, start)) {
    if (number >= offset) yield line;
    number += 1;
  }
}

async function* linesFrom(file: FileHandle, start: number): AsyncGenerator<string> {
  const pieces: Buffer[] = [];
  let position = start;
  for (;;) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    let from = 0;
    for (let end = buffer.indexOf(10); end !== -1 && end < bytesRead; end = buffer.indexOf(10, from)) {
      pieces.push(buffer.subarray(from, end));
      yield Buffer.concat(pieces).toString('utf8');
      pieces.length = 0;
      from = end + 1;
    }
    pieces.push(buffer.subarray(from, bytesRead));
  }
}
