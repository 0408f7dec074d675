import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { isMissing, messageOf, MxcpError } from '../../errors/index.js';
import { createFolder, syncFolder } from '../../files/index.js';
import { EventLoopBudget } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import { SealingKey } from './sealing.js';

/** The new value of a key; null removes it. */
export type JournalEntry = readonly [key: string, value: unknown];

export interface JournalOptions {
  readonly path: string;
  /** Undefined: the file is not encrypted. */
  readonly encryptionKey: string | undefined;
  readonly logger: Logger;
}

const FORMAT = 'mxcp-oauth';
const headerSchema = z.strictObject({
  format: z.literal(FORMAT),
  version: z.literal(1),
  id: z.string(),
  /** Of the key; null when the file is not encrypted. */
  salt: z.string().nullable(),
});
const entrySchema = z.tuple([z.string(), z.unknown()]);

/** With fewer lines, nothing is rewritten. */
const MIN_LINES = 1000;
/** A file may have this many lines for each value that is still there. */
const LINES_PER_VALUE = 3;
const MAX_FILE_BYTES = 1024 * 1024 * 1024;

interface Waiting {
  readonly entries: readonly JournalEntry[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** One file that was begun by this process, and what is needed to add to it. */
interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: bigint;
  readonly id: string;
  readonly key: SealingKey | undefined;
  lines: number;
}

/**
 * A file of changes to a table of keys and values. Each line is encrypted with its position, so that no line can be changed, moved or left
 * out before the last one. A change is on disk when `append` resolves.
 *
 * Every start writes the file anew and renames it into place. A server that still runs on the old file sees that before it
 * answers, and refuses from then on: what it wrote until then is read from the old file after the rename.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #values: () => Iterable<JournalEntry>;
  #encryptionKey: string | undefined;
  #main: { readonly salt: string; readonly secret: string; readonly key: SealingKey } | undefined;
  /** The next write begins a new file. */
  #isOutdated = false;
  #file: OpenFile | undefined;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #wasTaken = false;

  /** `values` lists what a rewritten file must contain. */
  constructor(options: JournalOptions, values: () => Iterable<JournalEntry>) {
    this.#options = options;
    this.#encryptionKey = options.encryptionKey;
    this.#values = values;
  }

  /** Reads the file, passes every entry on in its order, and begins a new file. Throws `persistence_failed`. */
  async open(take: (entry: JournalEntry) => void): Promise<void> {
    const { path } = this.#options;
    await this.#orFail('be opened', async () => {
      await createFolder(dirname(path));
      const old = await openIfThere(path);
      try {
        const read = old === undefined ? undefined : await this.#readInto(old, take);
        await this.#begin();
        // A server that still ran on the old file may have written more until it was renamed away.
        if (old !== undefined && read !== undefined && (await this.#readInto(old, take, read)) > read)
          await this.#begin();
      } finally {
        await old?.close();
      }
    });
  }

  /** Reads the file of a server that keeps using it. Throws `persistence_failed`. */
  async read(take: (entry: JournalEntry) => void): Promise<void> {
    await this.#orFail('be read', async () => {
      const file = await openIfThere(this.#options.path);
      try {
        if (file !== undefined) await this.#readInto(file, take);
      } finally {
        await file?.close();
      }
    });
  }

  /** Entries that arrive during a write share the next one. Throws `persistence_failed`. */
  append(...entries: readonly JournalEntry[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entries, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  /** Encrypts the file with another key from now on. */
  async changeKey(encryptionKey: string | undefined): Promise<void> {
    if (encryptionKey === this.#encryptionKey) return;
    this.#encryptionKey = encryptionKey;
    this.#isOutdated = true;
    await this.append();
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#drop();
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#orFail('be written', () => this.#write(batch.flatMap(({ entries }) => entries)));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        // A line may be there in part, so the next write begins a new file.
        await this.#drop();
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(entries: readonly JournalEntry[]): Promise<void> {
    const file = this.#file;
    if (file === undefined || this.#isOutdated || this.#isLong(file)) return this.#begin();
    const text = entries.map((entry) => this.#lineOf(file, entry)).join('');
    await file.handle.appendFile(text);
    await file.handle.datasync();
    await this.#assertOwn(file);
  }

  #isLong({ lines }: OpenFile): boolean {
    if (lines < MIN_LINES) return false;
    let live = 0;
    for (const _ of this.#values()) live += 1;
    return lines > live * LINES_PER_VALUE;
  }

  async #assertOwn({ inode }: OpenFile): Promise<void> {
    const found = await stat(this.#options.path, { bigint: true });
    if (found.ino === inode) return;
    this.#wasTaken = true;
    throw new Error('another server has begun to use this file; give each server a `persistence.path` of its own');
  }

  /** Writes all values to a new file and renames it into place. */
  async #begin(): Promise<void> {
    if (this.#wasTaken) throw new Error('another server uses this file');
    const { path } = this.#options;
    const previous = this.#file;
    this.#isOutdated = false;
    if (previous !== undefined) await this.#assertOwn(previous);
    const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
    const handle = await open(temporary, 'ax', 0o600);
    try {
      const file = await this.#startFile(handle);
      const lines: string[] = [];
      const budget = new EventLoopBudget();
      for (const entry of this.#values()) {
        lines.push(this.#lineOf(file, entry));
        // What changes in the meantime waits for the next write, which comes after these lines.
        await budget.spend();
      }
      await handle.appendFile(lines.join(''));
      await handle.sync();
      await rename(temporary, path);
      await syncFolder(dirname(path));
      this.#file = file;
    } catch (error) {
      await handle.close();
      await rm(temporary, { force: true });
      throw error;
    }
    await previous?.handle.close();
  }

  async #startFile(handle: FileHandle): Promise<OpenFile> {
    const salt = this.#encryptionKey === undefined ? null : this.#saltFor(this.#encryptionKey);
    const header = { format: FORMAT, version: 1, id: randomBytes(16).toString('hex'), salt } as const;
    await handle.appendFile(`${JSON.stringify(header)}\n`);
    const { ino: inode } = await handle.stat({ bigint: true });
    return { handle, inode, id: header.id, key: await this.#keyFor(header), lines: 0 };
  }

  #saltFor(secret: string): string {
    return this.#main?.secret === secret ? this.#main.salt : randomBytes(16).toString('hex');
  }

  /** Each file has a key of its own. All of them come from one, which is slow to make, so that later files keep its salt. */
  async #keyFor({ id, salt }: { readonly id: string; readonly salt: string | null }): Promise<SealingKey | undefined> {
    if (salt === null) return undefined;
    const secret = this.#encryptionKey;
    if (secret === undefined)
      throw unreadable(this.#options.path, 'is encrypted, and there is no `auth_encryption_key`');
    if (this.#main?.salt !== salt || this.#main.secret !== secret)
      this.#main = { salt, secret, key: await SealingKey.fromSecret(secret, Buffer.from(salt, 'hex')) };
    return this.#main.key.forPurpose(`file ${id}`);
  }

  #lineOf(file: OpenFile, entry: JournalEntry): string {
    const text = JSON.stringify(entry);
    const context = contextOf(file.id, file.lines);
    file.lines += 1;
    return `${file.key === undefined ? text : file.key.seal(text, context)}\n`;
  }

  /** Returns the number of lines. With `skip`, entries of the first lines are not passed on. */
  async #readInto(handle: FileHandle, take: (entry: JournalEntry) => void, skip = 0): Promise<number> {
    const { path, logger } = this.#options;
    const { size } = await handle.stat();
    if (size > MAX_FILE_BYTES) throw unreadable(path, 'is larger than 1 GiB');
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await handle.read(bytes, 0, size, 0);
    const [first = '', ...lines] = bytes.subarray(0, bytesRead).toString('utf8').split('\n');
    // A crash may cut the last line; its writer has not answered yet.
    if (lines.pop() !== '' && skip === 0)
      logger.warn({ file: path }, 'the last line of the OAuth sessions is incomplete and is ignored');
    if (first === '' && lines.length === 0) return 0;
    const header = readHeader(first, path);
    const { id } = header;
    const key = await this.#keyFor(header);
    const budget = new EventLoopBudget();
    for (const [index, line] of lines.entries()) {
      await budget.spend();
      const text = key === undefined ? line : key.open(line, contextOf(id, index));
      const entry = text === undefined ? undefined : parseEntry(text);
      if (entry === undefined) throw unreadable(path, `cannot be decrypted at line ${index + 2}`);
      if (index >= skip) take(entry);
    }
    return lines.length;
  }

  async #drop(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.handle.close();
  }

  async #orFail(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (error instanceof MxcpError) throw error;
      const message = `the file of OAuth sessions cannot ${what}: ${messageOf(error)}`;
      throw new MxcpError('persistence_failed', message, { cause: error, place: { file: this.#options.path } });
    }
  }
}

function contextOf(id: string, line: number): string {
  return `${id}/${line}`;
}

function unreadable(file: string, what: string): MxcpError {
  const message = `the file of OAuth sessions ${what}; restore the \`auth_encryption_key\` it was written with, or move the file away, and everybody signs in again`;
  return new MxcpError('persistence_failed', message, { place: { file } });
}

function readHeader(line: string, path: string): z.output<typeof headerSchema> {
  const { data } = headerSchema.safeParse(parseJson(line));
  if (data === undefined) throw unreadable(path, 'has an unknown format');
  return data;
}

function parseEntry(text: string): JournalEntry | undefined {
  return entrySchema.safeParse(parseJson(text)).data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller refuses undefined.
    return undefined;
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
