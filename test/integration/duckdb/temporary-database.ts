import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, onTestFinished, vi } from 'vitest';
import { ANONYMOUS } from '../../../src/caller/index.js';
import {
  DatabaseRegistry,
  GenerationDatabase,
  type DatabaseSpec,
  type JsonObject,
  type JsonValue,
  type ParameterValue,
  type QueryableDatabase,
} from '../../../src/duckdb/index.js';
import type { QueryOptions } from '../../../src/duckdb/database/generation-database.js';

/** A folder that is gone after the test. */
export function createFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mxcp-runtime-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function specOf(path: string, rest: Partial<DatabaseSpec> = {}): DatabaseSpec {
  return { path, readonly: false, extensions: [], secrets: [], ...rest };
}

export function createRegistry(): DatabaseRegistry {
  const registry = new DatabaseRegistry();
  onTestFinished(() => registry.dispose());
  return registry;
}

/** A committed generation on a file of its own, disposed after the test. */
export async function openDatabase(rest: Partial<DatabaseSpec> = {}): Promise<GenerationDatabase> {
  const registry = createRegistry();
  const database = await buildGeneration(registry, specOf(join(createFolder(), 'data.duckdb'), rest));
  await database.commit();
  return database;
}

/** Gives `use` a committed generation on a file of its own before the first test of a file; it is gone after the last one. */
export function openForAllTests(use: (database: GenerationDatabase) => void): void {
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mxcp-all-tests-'));
    const registry = new DatabaseRegistry();
    const database = await GenerationDatabase.build(registry, specOf(join(folder, 'data.duckdb')));
    await database.commit();
    use(database);
    return async () => {
      await database.dispose();
      await registry.dispose();
      rmSync(folder, { recursive: true });
    };
  });
}

export async function buildGeneration(registry: DatabaseRegistry, spec: DatabaseSpec): Promise<GenerationDatabase> {
  const database = await GenerationDatabase.build(registry, spec);
  onTestFinished(() => database.dispose());
  return database;
}

export async function rowsOf(
  database: QueryableDatabase,
  sql: string,
  parameters: Readonly<Record<string, ParameterValue>> = {},
  options: Partial<QueryOptions> = {},
): Promise<JsonObject[]> {
  const rows: JsonObject[] = [];
  await database.query(sql, parameters, { caller: ANONYMOUS, onRow: (row) => void rows.push(row), ...options });
  return rows;
}

/** The one value of the one row. */
export async function valueOf(
  database: QueryableDatabase,
  sql: string,
  parameters: Readonly<Record<string, ParameterValue>> = {},
  options: Partial<QueryOptions> = {},
): Promise<JsonValue | undefined> {
  const [row = {}] = await rowsOf(database, sql, parameters, options);
  return Object.values(row)[0];
}

/** Runs for minutes when nothing stops it, without giving a row. */
export const ENDLESS = 'SELECT count(*) AS n FROM range(100000000000) AS r(i) WHERE hash(i) % 3 = 0';

/** SQL that runs for minutes when nothing stops it; from the moment it runs, the file is there. */
export function endlessInto(file: string): string {
  return `COPY (SELECT i FROM range(100000000000) AS r(i) WHERE hash(i) = 0) TO '${file}' (FORMAT csv)`;
}

/** Resolves when so many of these files are there. */
export async function untilThere(files: readonly string[], count = files.length): Promise<void> {
  await vi.waitFor(() => expect(files.filter((file) => existsSync(file))).toHaveLength(count), {
    timeout: 20_000,
    interval: 5,
  });
}

/** How many descriptors of this process lead to the file or its log. */
export function countDescriptors(path: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => linkOf(fd).startsWith(path)).length;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor that lists the folder is closed again by now.
    return '';
  }
}

export function countThreads(): number {
  const [, count = ''] = /^Threads:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(count);
}
