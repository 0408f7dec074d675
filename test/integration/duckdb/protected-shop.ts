import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Protection, TableRule } from '../../../src/config/index.js';
import { DatabaseRegistry, GenerationDatabase } from '../../../src/duckdb/index.js';
import { rowsOf, specOf } from './temporary-database.js';

const TABLES = `CREATE TABLE orders (id INTEGER, region VARCHAR, email VARCHAR, amount INTEGER);
  INSERT INTO orders SELECT i, CASE WHEN i % 2 = 0 THEN 'north' ELSE 'south' END, 'user' || i || '@example.com', i * 10 FROM range(10) AS t(i);
  CREATE TABLE plain AS SELECT 1 AS a; CREATE TABLE grants (who VARCHAR, region VARCHAR); INSERT INTO grants VALUES ('north', 'north');
  CREATE VIEW all_orders AS SELECT * FROM orders; CREATE MACRO count_orders() AS (SELECT count(*) FROM orders)`;

/** A committed generation on the file `shop.duckdb`, which has these tables, with rules for some of them. */
export async function openShop(
  tables: readonly Partial<TableRule>[],
  rest: Partial<Protection> = {},
  sql = TABLES,
): Promise<{ readonly database: GenerationDatabase; readonly close: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'mxcp-shop-'));
  const registry = new DatabaseRegistry();
  const close = async (): Promise<void> => {
    await registry.dispose();
    rmSync(folder, { recursive: true });
  };
  const path = join(folder, 'shop.duckdb');
  const rules = tables.map((rule) => ({ table: 'orders', rows: undefined, masks: [], ...rule }));
  const protection = { tables: rules, unfiltered: [], ...rest };
  try {
    const plain = await GenerationDatabase.build(registry, specOf(path));
    await rowsOf(plain, sql);
    await plain.dispose();
    const database = await GenerationDatabase.build(registry, specOf(path, { protection }));
    await database.commit();
    return { database, close: () => database.dispose().then(close) };
  } catch (error) {
    await close();
    throw error;
  }
}
