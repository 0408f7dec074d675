import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { AttachmentDefinition } from '../../../src/config/index.js';
import { Secret } from '../../../src/secrets/index.js';
import {
  buildGeneration,
  countDescriptors,
  createFolder,
  createRegistry,
  openDatabase,
  rowsOf,
  specOf,
  valueOf,
} from './temporary-database.js';

/** A DuckDB file with one table of one row. */
async function createArchive(value: number): Promise<string> {
  const path = join(createFolder(), 'archive.duckdb');
  const registry = createRegistry();
  const database = await buildGeneration(registry, specOf(path));
  await database.commit();
  await rowsOf(database, `CREATE TABLE orders AS SELECT ${value} AS amount`);
  await database.dispose();
  return path;
}

function archive(path: string, rest: Partial<AttachmentDefinition> = {}): AttachmentDefinition {
  return { name: 'archive', type: 'duckdb', path, readonly: true, options: {}, ...rest };
}

test('an attached database is there for every statement, and cannot be changed', async () => {
  const path = await createArchive(7);
  const database = await openDatabase({ attachments: [archive(path)] });
  expect(await valueOf(database, 'SELECT amount FROM archive.orders')).toBe(7);
  await expect(rowsOf(database, 'DELETE FROM archive.orders')).rejects.toThrow('attached in read-only mode');
  await database.dispose();
  expect(countDescriptors(path)).toBe(0);
});

test('later generations on the same file share what is attached, and leave no second name', async () => {
  const registry = createRegistry();
  const attachments = [archive(await createArchive(7))];
  const spec = specOf(join(createFolder(), 'data.duckdb'), { attachments });
  const first = await buildGeneration(registry, spec);
  await first.commit();
  const second = await buildGeneration(registry, spec);
  await second.inspect('SELECT amount FROM archive.orders');
  await second.commit();
  await first.dispose();
  expect(await valueOf(second, 'SELECT amount FROM archive.orders')).toBe(7);
  expect(await rowsOf(second, 'SELECT database_name FROM duckdb_databases() WHERE NOT internal ORDER BY 1')).toEqual([
    { database_name: 'archive' },
    { database_name: 'data' },
  ]);
});

test('one that cannot be attached is an error with its position, and nothing stays open', async () => {
  const [path, missing] = [join(createFolder(), 'data.duckdb'), join(createFolder(), 'none.duckdb')];
  const declaredAt = () => ({ file: 'mxcp-site.yml', line: 5, column: 3 });
  const attachments = [
    archive(missing, { declaredAt }),
    archive('', { name: 'shop', type: 'sqlite', secret: 'Shop', declaredAt }),
    // The name of the database of the profile.
    archive(await createArchive(1), { name: 'data' }),
  ];
  const failure = buildGeneration(createRegistry(), specOf(path, { attachments }));
  await expect(failure).rejects.toMatchObject({
    code: 'attach_failed',
    problems: [
      {
        line: 5,
        message: expect.stringContaining('database "archive" of type duckdb cannot be attached (IO Error: Cannot open'),
      },
      { line: 5, message: expect.stringContaining('has no secret "Shop"') },
      { message: expect.stringContaining('database "data" of type duckdb cannot be attached') },
    ],
  });
  expect(countDescriptors(path)).toBe(0);
});

test('one with the name of the database of the profile is refused, also where both are read-only', async () => {
  const path = await createArchive(1);
  const attachments = [archive(await createArchive(2))];
  const failure = buildGeneration(createRegistry(), specOf(path, { readonly: true, attachments }));
  await expect(failure).rejects.toThrow(/"archive" of type duckdb cannot be attached .*already/);
});

test('a secret of a type that DuckDB does not know is named', async () => {
  const secrets = [{ name: 'shop', type: 'no_such_type', parameters: { PASSWORD: new Secret('hunter-2') } }];
  const attachments = [archive('', { type: 'sqlite', secret: 'shop' })];
  await expect(openDatabase({ secrets, attachments })).rejects.toThrow('knows no secrets of type no_such_type');
});
