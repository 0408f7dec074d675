import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdtemp, open, readFile, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Caller } from '../../caller/index.js';
import { quote, ScratchDatabase } from '../../duckdb/index.js';
import { MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { jsonListPieces, type KeptLink, type RowKeeper, type ShapedResult, tooLarge } from '../../values/index.js';
import { notFound } from './call-failures.js';
import type { ResourceText } from './resource-text.js';

const LIFETIME_MS = 15 * 60_000;
const MAX_RESULTS = 100;
const MAX_RESULT_BYTES = 256 * 1024 * 1024;
const MAX_BYTES = 1024 * 1024 * 1024;
const PAGE_ROWS = 1000;
const PAGE_BYTES = 100 * 1024;
/** Rows wait in memory until they are so many bytes; fewer never reach a disk. */
const BUFFERED_BYTES = 256 * 1024;
const READ_BYTES = 64 * 1024;

const URI = /^mxcp:\/\/results\/([0-9a-f-]{36})(?:\.(csv|parquet)|\?offset=(\d{1,15}))?$/;
const MIME_TYPES = { csv: 'text/csv', parquet: 'application/vnd.apache.parquet' } as const;

interface KeptResult {
  readonly file: FileHandle;
  readonly owner: string;
  readonly endpoint: string;
  readonly rows: number;
  readonly bytes: number;
  /** Where every row begins whose number is a multiple of `PAGE_ROWS`. */
  readonly starts: readonly number[];
  readonly timer: NodeJS.Timeout;
}

export interface KeptResultsOptions {
  /** The path of the database, beside which the files are. */
  readonly databasePath: () => string;
  readonly maxResultBytes: number;
  /** Learns why a result could not be kept. Its call is answered without a link. */
  readonly onFailure: (error: unknown) => void;
  readonly lifetimeMs?: number;
}

/**
 * Whole results of calls whose answers were shortened, for the caller of each call. They belong to the process, so a reload keeps them.
 * Their files have no name: the kernel frees them when the process ends, in whichever way.
 */
export class KeptResults implements Disposable {
  readonly #options: KeptResultsOptions;
  /** By id, the oldest first. */
  readonly #results = new Map<string, KeptResult>();
  #bytes = 0;
  /** Conversions run one after the other, so their memory is that of one. */
  #converting: Promise<unknown> = Promise.resolve();

  constructor(options: KeptResultsOptions) {
    this.#options = options;
  }

  /** Collects the rows of one call. */
  keeperFor(endpoint: string, caller: Caller): RowKeeper {
    const { databasePath, onFailure, lifetimeMs = LIFETIME_MS } = this.#options;
    const writer = new RowWriter(() => openUnnamed(dirname(databasePath())));
    const keep = async (): Promise<KeptLink | undefined> => {
      try {
        const file = await writer.end();
        if (file === undefined) return undefined;
        const id = randomUUID();
        const timer = setTimeout(() => void this.#remove(id), lifetimeMs).unref();
        const { rows, bytes, starts } = writer;
        this.#results.set(id, { file, owner: ownerOf(caller), endpoint, rows, bytes, starts, timer });
        this.#bytes += bytes;
        await this.#makeRoom();
        return { uri: `mxcp://results/${id}`, rows, until: new Date(Date.now() + lifetimeMs) };
      } catch (error) {
        onFailure(error);
        await writer.discard();
        return undefined;
      }
    };
    return { add: (text) => writer.add(text), takesMore: () => !writer.isFull, keep, discard: () => writer.discard() };
  }

  /** Undefined for a URI of another kind. Throws `endpoint_not_found` for what is unknown, has expired or is another caller's, and `result_too_large`. */
  async read(uri: string, caller: Caller): Promise<ResourceText | undefined> {
    const [, id, format, offset = '0'] = URI.exec(uri) ?? [];
    if (id === undefined) return undefined;
    const result = this.#results.get(id);
    if (result === undefined || result.owner !== ownerOf(caller)) throw notFound({ kind: 'resource', name: uri }, []);
    if (format === 'csv' || format === 'parquet') return this.#convert(uri, result, format);
    return readPage(uri, result, Number(offset));
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#results.keys()].map((id) => this.#remove(id)));
    await this.#converting.catch(() => undefined);
  }

  async #makeRoom(): Promise<void> {
    for (const id of this.#results.keys()) {
      if (this.#results.size <= MAX_RESULTS && this.#bytes <= MAX_BYTES) return;
      await this.#remove(id);
    }
  }

  async #remove(id: string): Promise<void> {
    const result = this.#results.get(id);
    if (result === undefined) return;
    clearTimeout(result.timer);
    this.#results.delete(id);
    this.#bytes -= result.bytes;
    // A read that runs has the file open under a descriptor of its own, or fails.
    await result.file.close();
  }

  async #convert(uri: string, { file, endpoint }: KeptResult, format: keyof typeof MIME_TYPES): Promise<ResourceText> {
    const converted = this.#converting.catch(() => undefined).then(() => convert(file, format));
    this.#converting = converted;
    const bytes = await converted;
    const { maxResultBytes } = this.#options;
    const what = `the result of ${endpoint} as ${format.toUpperCase()}`;
    if (bytes.length > maxResultBytes) throw tooLarge(what, maxResultBytes, `${bytes.length} bytes`);
    const isBinary = format === 'parquet';
    const text = bytes.toString(isBinary ? 'base64' : 'utf8');
    return { uri, mimeType: MIME_TYPES[format], texts: [text], bytes: Buffer.byteLength(text), isBinary };
  }
}

/** The result with a link to the whole one, if it was shortened. */
export async function withLink(result: ShapedResult, keeper: RowKeeper): Promise<ShapedResult> {
  if (result.shape !== 'array' || result.leftOut === undefined) {
    await keeper.discard();
    return result;
  }
  const kept = await keeper.keep();
  return kept === undefined ? result : { ...result, leftOut: { ...result.leftOut, total: kept.rows, kept } };
}

/** Without authentication, all callers are the same one, and only the id protects a result. */
function ownerOf({ provider, userId, username }: Caller): string {
  return JSON.stringify([provider, userId, username]);
}

/** A file that no other process can open by a name. */
async function openUnnamed(folder: string): Promise<FileHandle> {
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
class RowWriter {
  readonly #open: () => Promise<FileHandle>;
  readonly starts: number[] = [];
  rows = 0;
  bytes = 0;
  #file: FileHandle | undefined;
  #lines: string[] = [];
  #buffered = 0;
  #failure: unknown;
  #writing: Promise<void> = Promise.resolve();

  constructor(openFile: () => Promise<FileHandle>) {
    this.#open = openFile;
  }

  get isFull(): boolean {
    return this.bytes > MAX_RESULT_BYTES || this.#failure !== undefined;
  }

  /** A returned promise resolves when there is room for more. */
  add(text: string): Promise<void> | undefined {
    if (this.isFull) return undefined;
    if (this.rows % PAGE_ROWS === 0) this.starts.push(this.bytes);
    const size = Buffer.byteLength(text) + 1;
    this.rows += 1;
    this.bytes += size;
    this.#buffered += size;
    this.#lines.push(text, '\n');
    return this.#buffered < BUFFERED_BYTES ? undefined : this.#flush();
  }

  /** Undefined if it has become too large. Throws what kept it from being written. */
  async end(): Promise<FileHandle | undefined> {
    if (this.bytes <= MAX_RESULT_BYTES) await this.#flush();
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.bytes <= MAX_RESULT_BYTES) return this.#file;
    await this.discard();
    return undefined;
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

async function readPage(uri: string, { file, rows, starts }: KeptResult, offset: number): Promise<ResourceText> {
  const texts: string[] = [];
  let bytes = 0;
  let number = Math.floor(offset / PAGE_ROWS) * PAGE_ROWS;
  const start = starts[Math.floor(offset / PAGE_ROWS)];
  if (start !== undefined) {
    for await (const line of linesFrom(file, start)) {
      number += 1;
      if (number <= offset) continue;
      bytes += Buffer.byteLength(line);
      if (texts.length > 0 && (texts.length === PAGE_ROWS || bytes > PAGE_BYTES)) break;
      texts.push(line);
    }
  }
  const page = { uri, mimeType: 'application/json', texts: jsonListPieces(texts), bytes, isBinary: false };
  const nextOffset = offset + texts.length;
  if (nextOffset >= rows) return page;
  const leftOut = { because: 'rows', offset, nextOffset, total: rows, argument: 'offset' } as const;
  return { ...page, shortened: { returned: texts.length, leftOut } };
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

/** By a database of its own, which can reach nothing but the rows and the file that it writes. */
async function convert(file: FileHandle, format: keyof typeof MIME_TYPES): Promise<Buffer> {
  const rows = `/dev/fd/${file.fd}`;
  const folder = await mkdtemp(join(tmpdir(), 'mxcp-result-'));
  try {
    const path = join(folder, `rows.${format}`);
    const scratch = await ScratchDatabase.open({ folders: [folder], files: [rows], threads: 1, memoryMb: 256 });
    try {
      const list = `read_json(${quote(rows)}, format = 'newline_delimited', records = 'auto', sample_size = -1)`;
      await scratch.query(`COPY (FROM ${list}) TO ${quote(path)} (FORMAT ${format})`);
    } finally {
      await scratch.dispose();
    }
    return await readFile(path);
  } catch (error) {
    const message = `the kept result cannot be written as ${format.toUpperCase()}; read its pages instead`;
    throw new MxcpError('query_failed', message, { cause: error });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
