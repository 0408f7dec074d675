import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createDatabaseFile } from '../../kit/database-file.js';
import { buildGeneration, createFolder, createRegistry, rowsOf, specOf, valueOf } from './temporary-database.js';

const MIB = 1024 ** 2;
/** About 160 MB of strings that compress badly. */
const LARGE = 'CREATE TEMP TABLE large AS SELECT md5(i::TEXT) AS a, md5((i + 1)::TEXT) AS b FROM range(2500000) r(i)';

describe('the limits of an instance', () => {
  test('bound the memory, and what does not fit goes to the disk beside the file', async () => {
    const path = join(createFolder(), 'data.duckdb');
    const limits = { memoryBytes: 64 * MIB, tempBytes: 1024 * MIB };
    const database = await buildGeneration(createRegistry(), specOf(path, { limits }));
    expect(await valueOf(database, "SELECT current_setting('memory_limit')")).toBe('64.0 MiB');
    expect(await rowsOf(database, `${LARGE}; SELECT count(*) AS n FROM large`)).toEqual([{ n: 2_500_000 }]);
    await database.dispose();
    expect(existsSync(`${path}.tmp`)).toBe(false);
  });

  test('bound the disk', async () => {
    const path = join(createFolder(), 'data.duckdb');
    const limits = { memoryBytes: 64 * MIB, tempBytes: 16 * MIB };
    const database = await buildGeneration(createRegistry(), specOf(path, { limits }));
    await expect(rowsOf(database, LARGE)).rejects.toMatchObject({
      code: 'query_failed',
      message: expect.stringContaining('Out of Memory Error'),
    });
    expect(await valueOf(database, 'SELECT 1')).toBe(1);
  });

  test('put temporary data of a read-only file elsewhere, because its folder is shared', async () => {
    const folder = createFolder();
    const path = join(folder, 'data.duckdb');
    await createDatabaseFile(path);
    const limits = { memoryBytes: 64 * MIB, tempBytes: 1024 * MIB };
    const databases = await Promise.all(
      [1, 2].map(() => buildGeneration(createRegistry(), specOf(path, { readonly: true, limits }))),
    );
    const places = await Promise.all(
      databases.map((database) => valueOf(database, "SELECT current_setting('temp_directory')")),
    );
    expect(new Set(places).size).toBe(2);
    const [first] = databases;
    if (first !== undefined) await rowsOf(first, LARGE);
    expect(readdirSync(folder)).toEqual(['data.duckdb']);
  });
});
