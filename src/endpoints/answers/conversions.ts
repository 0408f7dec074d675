import { type FileHandle, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quote, ScratchDatabase } from '../../duckdb/index.js';
import { MxcpError } from '../../errors/index.js';
import type { Disposable } from '../../lifecycle/index.js';
import { tooLarge } from '../../values/index.js';

const MAX_WAITING = 8;
const INTERRUPT_INTERVAL_MS = 50;

export type FileFormat = 'csv' | 'parquet';

export interface Conversion {
  /** Of rows as JSON. It stays open until the conversion has ended. */
  readonly file: FileHandle;
  readonly format: FileFormat;
  readonly maxBytes: number;
  /** Names the endpoint in errors. */
  readonly endpoint: string;
  readonly signal?: AbortSignal | undefined;
}

/** Makes files of other formats from kept rows, one after the other, so that the memory is that of one. */
export class Conversions implements Disposable {
  #last: Promise<unknown> = Promise.resolve();
  /** The one that runs included. */
  #count = 0;

  /** Throws `server_busy`, `result_too_large`, `query_failed`, and the signal's reason when that aborts. */
  async run(conversion: Conversion): Promise<Buffer> {
    const { format, signal } = conversion;
    signal?.throwIfAborted();
    if (this.#count > MAX_WAITING) {
      const message = `the server is busy: ${MAX_WAITING} results wait to be written as files; try again`;
      throw new MxcpError('server_busy', message, { retryAfterSeconds: 1 });
    }
    this.#count += 1;
    const converted = this.#last.then(() => convert(conversion));
    this.#last = converted.catch(() => undefined);
    try {
      return await converted;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof MxcpError && error.code === 'result_too_large') throw error;
      const message = `the kept result cannot be written as ${format.toUpperCase()}; read its pages instead`;
      throw new MxcpError('query_failed', message, { cause: error });
    } finally {
      this.#count -= 1;
    }
  }

  async dispose(): Promise<void> {
    await this.#last;
  }
}

/** By a database of its own, which can reach nothing but the rows and the file that it writes. */
async function convert({ file, format, maxBytes, endpoint, signal }: Conversion): Promise<Buffer> {
  signal?.throwIfAborted();
  const rows = `/dev/fd/${file.fd}`;
  const folder = await mkdtemp(join(tmpdir(), 'mxcp-result-'));
  try {
    const path = join(folder, `rows.${format}`);
    const scratch = await ScratchDatabase.open({ folders: [folder], files: [rows], threads: 1, memoryMb: 256 });
    try {
      const list = `read_json(${quote(rows)}, format = 'newline_delimited', records = 'auto', sample_size = -1)`;
      await runUntil(signal, scratch, `COPY (FROM ${list}) TO ${quote(path)} (FORMAT ${format})`);
    } finally {
      await scratch.dispose();
    }
    const { size } = await stat(path);
    const what = `the result of ${endpoint} as ${format.toUpperCase()}`;
    if (size > maxBytes) throw tooLarge(what, maxBytes, `${size} bytes`);
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runUntil(signal: AbortSignal | undefined, scratch: ScratchDatabase, sql: string): Promise<void> {
  signal?.throwIfAborted();
  // An interruption that comes before the statement runs is lost, so it is repeated.
  const timer = setInterval(() => signal?.aborted === true && scratch.interrupt(), INTERRUPT_INTERVAL_MS);
  try {
    await scratch.query(sql);
  } finally {
    clearInterval(timer);
  }
}
