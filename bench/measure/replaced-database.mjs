import { copyFileSync, linkSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';

const COLUMNS = 4;
const BYTES_OF_VALUE = 8;
const MB = 1_000_000;
/** Few enough rows for DuckDB to write them to its log; it writes more rows directly to the file. */
const LOGGED_ROWS = 100_000;

/**
 * Two files that alternate as the database of the project. Each keeps a second name, so that installing one is only a
 * rename, whatever its size.
 */
export class ReplacedDatabase {
  #path;
  #spares;
  #turn = 0;

  static async build(folder, megabytes) {
    const spares = join(folder, 'spares');
    mkdirSync(spares);
    const [first, second] = [join(spares, 'first.duckdb'), join(spares, 'second.duckdb')];
    const instance = await DuckDBInstance.create(first);
    const connection = await instance.connect();
    const rows = Math.ceil((megabytes * MB) / (COLUMNS * BYTES_OF_VALUE));
    await connection.run(`CREATE TABLE filler AS ${rowsSql(rows)}`);
    connection.closeSync();
    instance.closeSync();
    copyFileSync(first, second);
    return new ReplacedDatabase(join(folder, 'bench.duckdb'), [first, second]);
  }

  constructor(path, spares) {
    this.#path = path;
    this.#spares = spares;
    this.replace();
  }

  /** Renames the new file over the old one, as an operator does. */
  replace() {
    const spare = this.#spares[this.#turn % this.#spares.length];
    this.#turn += 1;
    linkSync(spare, `${this.#path}.next`);
    renameSync(`${this.#path}.next`, this.#path);
  }

  get logMegabytes() {
    return (statSync(`${this.#path}.wal`, { throwIfNoEntry: false })?.size ?? 0) / MB;
  }
}

/** Adds three megabytes to the log, through the server that has the file open. */
export const APPEND_SQL = `INSERT INTO filler ${rowsSql(LOGGED_ROWS)}`;

/** Values that do not compress. */
function rowsSql(rows) {
  const columns = Array.from({ length: COLUMNS }, (_, index) => `hash(i * ${COLUMNS} + ${index}) AS v${index}`);
  return `SELECT ${columns.join(', ')} FROM range(${rows}) AS numbers(i)`;
}
