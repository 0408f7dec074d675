import { setTimeout as delay } from 'node:timers/promises';
import { ChildServer } from './child-server.js';
import { createDatabaseFile } from './database-file.js';
import { MxcpError } from '../../src/errors/index.js';
import { callText, connectTo } from './mcp-client.js';
import { seededRandom } from './random.js';
import type { TemporaryProject } from './projects/temporary-project.js';

/** The current file, by the number inside it, and the rows that it has acknowledged. */
interface Written {
  readonly file: number;
  readonly rows: readonly number[];
}

const LONGEST_LIFE_MS = 600;
/** Long enough for some of the reloads to end before the kill. */
const LONGEST_REPLACING_LIFE_MS = 2_000;
/** Every so many lives, another file is renamed over the current one, and reloaded. */
const REPLACE_EVERY = 3;

/**
 * Kills servers again and again at random moments while a client of each writes one row after the other. A file that replaces the
 * current one contains only its number. Throws when a start finds that rows are missing or belong to another file. Each project has a server
 * of its own, and all live and die at the same time: most of a life is waiting.
 */
export async function killAtRandomMoments(
  projects: readonly TemporaryProject[],
  { killsOfEach }: { readonly killsOfEach: number },
): Promise<void> {
  const random = seededRandom();
  await Promise.all(projects.map((project) => killServerOf(project, killsOfEach, random)));
}

async function killServerOf(project: TemporaryProject, kills: number, random: () => number): Promise<void> {
  const path = project.path('shop.duckdb');
  await createFile(path, 0);
  let written: Written = { file: 0, rows: [] };
  for (let life = 1; life <= kills; life += 1) {
    const server = await ChildServer.start(project);
    const found = await numberOf(server.url);
    if (found !== written.file) written = { file: found, rows: [] };
    const rows = await writtenRows(server.url, written.file);
    assertContains(rows, written.rows);
    // Rows that were committed but not acknowledged may be there or not; from here on they count.
    const writer = new Writer(server.url, { file: written.file, rows });
    const replaces = life % REPLACE_EVERY === 0;
    const replacing = replaces ? replace(project, server, life) : Promise.resolve();
    await delay(random() * (replaces ? LONGEST_REPLACING_LIFE_MS : LONGEST_LIFE_MS));
    server.child.kill('SIGKILL');
    await Promise.all([server.ended, replacing]);
    written = await writer.ended;
  }
  await using server = await ChildServer.start(project);
  if ((await numberOf(server.url)) === written.file)
    assertContains(await writtenRows(server.url, written.file), written.rows);
}

/** Renames an empty file over the current one and requests a reload. The kill may come at any time. */
async function replace(project: TemporaryProject, server: ChildServer, number: number): Promise<void> {
  await createFile(project.path('next.duckdb'), number);
  project.rename('next.duckdb', 'shop.duckdb');
  try {
    await server.admin.reload({ waitMs: 20_000 });
  } catch (error) {
    // The kill has cut the connection; any other error is one of the reload.
    if (!(error instanceof MxcpError) || error.code !== 'connection_failed') throw error;
  }
}

function createFile(path: string, number: number): Promise<void> {
  return createDatabaseFile(
    path,
    `CREATE TABLE which AS SELECT ${number} AS number`,
    'CREATE TABLE t(file INTEGER, row INTEGER)',
  );
}

/** Writes rows to the current file until the server is gone, and remembers those that were acknowledged. */
class Writer {
  readonly ended: Promise<Written>;

  constructor(url: string, known: Written) {
    this.ended = this.#write(url, known);
  }

  async #write(url: string, known: Written): Promise<Written> {
    let { file, rows } = known;
    try {
      const client = await connectTo(url);
      for (let row = (rows.at(-1) ?? 0) + 1; ; row += 1) {
        // The file that the row goes to answers with its number, in one statement.
        const sql = `INSERT INTO t SELECT number, ${row} FROM which RETURNING file`;
        const answer = JSON.parse(await callText(client, 'execute_sql_query', { sql }));
        if (answer.file !== file) [file, rows] = [answer.file, []];
        rows = [...rows, row];
      }
    } catch {
      // The server was killed: what it has not acknowledged is not counted.
      return { file, rows };
    }
  }
}

async function numberOf(url: string): Promise<number> {
  return JSON.parse(await query(url, 'SELECT number FROM which')).number;
}

/** Rows of the current file. Throws when one belongs to another file. */
async function writtenRows(url: string, file: number): Promise<readonly number[]> {
  const text = await query(url, 'SELECT list(row ORDER BY row) AS rows, list(DISTINCT file) AS files FROM t');
  const { rows, files } = JSON.parse(text);
  if (rows === null) return [];
  if (files.length !== 1 || files[0] !== file) throw new Error(`file ${file} has rows of ${files}`);
  return rows;
}

async function query(url: string, sql: string): Promise<string> {
  const client = await connectTo(url);
  try {
    return await callText(client, 'execute_sql_query', { sql });
  } finally {
    await client.close();
  }
}

function assertContains(found: readonly number[], acknowledged: readonly number[]): void {
  const missing = acknowledged.filter((row) => !found.includes(row));
  if (missing.length > 0) throw new Error(`acknowledged rows are gone: ${missing.join(', ')}`);
}
