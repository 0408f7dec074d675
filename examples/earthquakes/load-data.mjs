// Builds data/earthquakes.duckdb from the files of the npm package vega-datasets. Does nothing if it exists.
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

const here = dirname(fileURLToPath(import.meta.url));
const database = join(here, 'data', 'earthquakes.duckdb');

/** Returns the path of the database and whether it had to be built. */
export async function loadData() {
  if (existsSync(database)) return { database, built: false };
  mkdirSync(dirname(database), { recursive: true });
  // Built under another name and renamed when complete, so that an interrupted start leaves no partial database.
  const unfinished = `${database}.${process.pid}`;
  try {
    await build(unfinished);
    renameSync(unfinished, database);
  } finally {
    for (const suffix of ['', '.wal']) rmSync(unfinished + suffix, { force: true });
  }
  return { database, built: true };
}

async function build(file) {
  const datasets = join(dirname(fileURLToPath(import.meta.resolve('vega-datasets'))), '..', 'data');
  const instance = await DuckDBInstance.create(file);
  const connection = await instance.connect();
  try {
    const statements = await connection.extractStatements(readFileSync(join(here, 'sql', 'load.sql'), 'utf8'));
    for (let index = 0; index < statements.count; index += 1) {
      const statement = await statements.prepare(index);
      if (statement.parameterCount > 0) statement.bind({ datasets });
      await statement.run();
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { database: path, built } = await loadData();
  console.log(built ? `built ${path}` : `${path} already exists`);
}
