import type { DuckDBAppender, DuckDBConnection, DuckDBInstance, Json } from '@duckdb/node-api';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf, MxcpError } from '../errors/index.js';
import type { Disposable } from '../lifecycle/index.js';
import { openNative } from './files/database-file.js';

export interface ScratchOptions {
  /** The only folders and files that statements may reach. */
  readonly folders: readonly string[];
  readonly files?: readonly string[];
  readonly threads: number;
  /** Of what DuckDB counts; more than that goes to a temporary folder. */
  readonly memoryMb?: number | undefined;
}

/** A row with its values as JSON; large numbers are text. */
export type ScratchRow = Readonly<Record<string, Json>>;

/** A database in memory, for statements about files that have nothing to do with the database of the project. */
export class ScratchDatabase implements Disposable {
  readonly #native: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #folder: string;

  private constructor(native: DuckDBInstance, connection: DuckDBConnection, folder: string) {
    this.#native = native;
    this.#connection = connection;
    this.#folder = folder;
  }

  static async open({ folders, files = [], threads, memoryMb }: ScratchOptions): Promise<ScratchDatabase> {
    const native = await openNative(':memory:', { readonly: false });
    const connection = await native.connect();
    const folder = join(tmpdir(), `mxcp-scratch-${process.pid}-${randomUUID().slice(0, 8)}`);
    const scratch = new ScratchDatabase(native, connection, folder);
    const settings = [
      `SET temp_directory = ${quote(folder)}`,
      `SET threads = ${threads}`,
      ...(memoryMb === undefined ? [] : [`SET memory_limit = '${memoryMb}MB'`]),
      `SET allowed_directories = [${[...folders, folder].map(quote).join(', ')}]`,
      `SET allowed_paths = [${files.flatMap(withLogs).map(quote).join(', ')}]`,
      'SET enable_external_access = false',
      'SET lock_configuration = true',
    ];
    for (const setting of settings) await connection.run(setting);
    return scratch;
  }

  /** Throws `query_failed`. */
  async query(
    sql: string,
    parameters: Readonly<Record<string, string | number | null>> = {},
  ): Promise<readonly ScratchRow[]> {
    try {
      return (await this.#connection.runAndReadAll(sql, parameters)).getRowObjectsJson();
    } catch (cause) {
      throw new MxcpError('query_failed', messageOf(cause), { cause });
    }
  }

  /** Adds rows to a table whose columns are VARCHAR for strings and BIGINT for numbers. Throws `query_failed`. */
  async append(table: string, rows: Iterable<readonly (string | number)[]>): Promise<void> {
    try {
      const appender = await this.#connection.createAppender(table);
      for (const row of rows) {
        for (const value of row) appendValue(appender, value);
        appender.endRow();
      }
      appender.closeSync();
    } catch (cause) {
      throw new MxcpError('query_failed', messageOf(cause), { cause });
    }
  }

  /** Ends what runs. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  async dispose(): Promise<void> {
    this.#connection.closeSync();
    this.#native.closeSync();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function appendValue(appender: DuckDBAppender, value: string | number): void {
  if (typeof value === 'string') appender.appendVarchar(value);
  else appender.appendBigInt(BigInt(value));
}

/** A database file that is attached has its log and those of a checkpoint beside it (DuckDB 1.5.6). */
function withLogs(path: string): readonly string[] {
  return ['', '.wal', '.wal.checkpoint', '.wal.recovery', '.checkpoint.wal', '.recovery.wal'].map((end) => path + end);
}

/** A text as SQL writes it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
