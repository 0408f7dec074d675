import { execFile, spawn } from 'node:child_process';
import { asOrdinaryUser } from '../../kit/ordinary-user.js';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  chmodSync,
} from 'node:fs';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  buildGeneration,
  countDescriptors,
  countThreads,
  createFolder,
  createRegistry,
  rowsOf,
  specOf,
  valueOf,
} from './temporary-database.js';

const duckdbModule = createRequire(import.meta.url).resolve('@duckdb/node-api');

/** What another process does to a file: `open` is the database, `connection` one connection to it. */
function scriptOf(path: string, body: string): string[] {
  const script = `
    const { DuckDBInstance } = require(${JSON.stringify(duckdbModule)});
    DuckDBInstance.create(${JSON.stringify(path)}).then(async (open) => {
      const connection = await open.connect();
      ${body}
    }).catch((error) => { console.log('refused: ' + error.message.split('\\n')[0]); });`;
  return ['-e', script];
}

async function runElsewhere(path: string, sql: string): Promise<string> {
  const body = `await connection.run(${JSON.stringify(sql)}); connection.closeSync(); open.closeSync(); console.log('done');`;
  const { stdout } = await promisify(execFile)(process.execPath, scriptOf(path, body));
  return stdout.trim();
}

/** A file made by another process, so that this one never has it open. */
async function createFile(path: string, value: number): Promise<string> {
  expect(await runElsewhere(path, `CREATE TABLE t AS SELECT ${value} AS a`)).toBe('done');
  return path;
}

const READ = 'SELECT a FROM t';

describe('generations on the same file', () => {
  test('share one instance, and the file closes with the last of them', async () => {
    const path = await createFile(join(createFolder(), 'data.duckdb'), 1);
    const registry = createRegistry();
    const first = await buildGeneration(registry, specOf(path));
    const second = await buildGeneration(registry, specOf(path));
    expect([first.action, second.action]).toEqual(['opened', 'kept']);
    await rowsOf(first, 'INSERT INTO t VALUES (2)');
    expect(await rowsOf(second, READ)).toEqual([{ a: 1 }, { a: 2 }]);
    await first.dispose();
    await rowsOf(second, 'INSERT INTO t VALUES (3)');
    expect(countDescriptors(path)).toBeGreaterThan(0);
    await second.dispose();
    await second.dispose();
    expect(countDescriptors(path)).toBe(0);
    const third = await buildGeneration(registry, specOf(path));
    expect(third.action).toBe('opened');
    expect(await valueOf(third, 'SELECT count(*) FROM t')).toBe(3);
  });

  test('share it also when they are built at the same time or while it closes', async () => {
    const path = await createFile(join(createFolder(), 'data.duckdb'), 1);
    const registry = createRegistry();
    const [first, second] = await Promise.all([
      buildGeneration(registry, specOf(path)),
      buildGeneration(registry, specOf(path)),
    ]);
    await rowsOf(first, 'INSERT INTO t VALUES (2)');
    await rowsOf(second, 'INSERT INTO t VALUES (3)');
    const closing = Promise.all([first.dispose(), second.dispose()]);
    const third = await buildGeneration(registry, specOf(path));
    await closing;
    expect(await valueOf(third, 'SELECT count(*) FROM t')).toBe(3);
  });

  test('share it when the path names it through a link', async () => {
    const folder = createFolder();
    const path = await createFile(join(folder, 'data.duckdb'), 1);
    symlinkSync(path, join(folder, 'link.duckdb'));
    const registry = createRegistry();
    await buildGeneration(registry, specOf(path));
    expect((await buildGeneration(registry, specOf(join(folder, 'link.duckdb')))).action).toBe('kept');
  });

  test('keep the lock of the process while they come and go', { timeout: 60_000 }, async () => {
    const path = await createFile(join(createFolder(), 'data.duckdb'), 1);
    const registry = createRegistry();
    let serving = await buildGeneration(registry, specOf(path));
    for (let number = 0; number < 5; number += 1) {
      const next = await buildGeneration(registry, specOf(path));
      await next.commit();
      await serving.dispose();
      serving = next;
      expect(await runElsewhere(path, 'SELECT 1')).toContain('Could not set lock');
    }
    await serving.dispose();
    expect(await runElsewhere(path, 'SELECT 1')).toBe('done');
  });

  test('leak nothing over two hundred of them', { timeout: 60_000 }, async () => {
    const path = await createFile(join(createFolder(), 'data.duckdb'), 1);
    const registry = createRegistry();
    const keeper = await buildGeneration(registry, specOf(path));
    await rowsOf(keeper, READ);
    const run = async (): Promise<void> => {
      const generation = await buildGeneration(registry, specOf(path));
      await generation.commit();
      expect(await valueOf(generation, READ)).toBe(1);
      await generation.dispose();
    };
    for (let number = 0; number < 10; number += 1) await run();
    const before = { descriptors: countDescriptors(''), threads: countThreads() };
    for (let number = 0; number < 200; number += 1) await run();
    expect(countDescriptors('')).toBeLessThanOrEqual(before.descriptors);
    expect(countThreads()).toBeLessThanOrEqual(before.threads);
    expect(countDescriptors(path)).toBeGreaterThan(0);
  });
});

describe('a read-only file', () => {
  test('that was replaced by rename is served beside the old one, which ends normally', async () => {
    const folder = createFolder();
    const path = await createFile(join(folder, 'data.duckdb'), 1);
    const registry = createRegistry();
    const old = await buildGeneration(registry, specOf(path, { readonly: true }));
    expect(await valueOf(old, READ)).toBe(1);
    renameSync(await createFile(join(folder, 'new.duckdb'), 2), path);
    const next = await buildGeneration(registry, specOf(path, { readonly: true }));
    expect(next.action).toBe('opened');
    expect(await Promise.all([valueOf(old, READ), valueOf(next, READ)])).toEqual([1, 2]);
    await old.dispose();
    expect(await valueOf(next, READ)).toBe(2);
    const again = await buildGeneration(registry, specOf(path, { readonly: true }));
    expect(again.action).toBe('kept');
  });

  test('that was overwritten in place is refused with the way to do it', async () => {
    const folder = createFolder();
    const path = await createFile(join(folder, 'data.duckdb'), 1);
    const other = await createFile(join(folder, 'other.duckdb'), 2);
    const registry = createRegistry();
    const serving = await buildGeneration(registry, specOf(path, { readonly: true }));
    await promisify(execFile)('cp', [other, path]);
    await promisify(execFile)('touch', ['-d', '2001-01-01', path]);
    await expect(buildGeneration(registry, specOf(path, { readonly: true }))).rejects.toMatchObject({
      code: 'database_replaced',
      message: expect.stringContaining('rename'),
    });
    await serving.dispose();
  });
});

describe('a read-write file', () => {
  test('that was replaced is refused while it is open, and the old one keeps serving', async () => {
    const folder = createFolder();
    const path = await createFile(join(folder, 'data.duckdb'), 1);
    const registry = createRegistry();
    const serving = await buildGeneration(registry, specOf(path));
    renameSync(await createFile(join(folder, 'new.duckdb'), 2), path);
    await expect(buildGeneration(registry, specOf(path))).rejects.toMatchObject({ code: 'database_replaced' });
    expect(await valueOf(serving, READ)).toBe(1);
  });

  test('is created with its folder', async () => {
    const path = join(createFolder(), 'deep', 'data.duckdb');
    const database = await buildGeneration(createRegistry(), specOf(path));
    await rowsOf(database, 'CREATE TABLE t AS SELECT 1 AS a');
    expect(existsSync(path)).toBe(true);
    expect(database).toMatchObject({ path, readonly: false, action: 'opened' });
  });

  test('that we write to is not mistaken for overwritten', async () => {
    const path = join(createFolder(), 'data.duckdb');
    const registry = createRegistry();
    const serving = await buildGeneration(registry, specOf(path));
    await rowsOf(serving, 'CREATE TABLE t AS SELECT i AS a FROM range(100000) AS r(i); CHECKPOINT');
    expect((await buildGeneration(registry, specOf(path))).action).toBe('kept');
  });
});

describe('a file that cannot be served', () => {
  test.each([true, false])('because it is gone says so while the open one serves (read-only: %s)', async (readonly) => {
    const path = await createFile(join(createFolder(), 'data.duckdb'), 1);
    const registry = createRegistry();
    const serving = await buildGeneration(registry, specOf(path, { readonly }));
    unlinkSync(path);
    await expect(buildGeneration(registry, specOf(path, { readonly }))).rejects.toMatchObject({
      code: 'database_missing',
      message: expect.stringContaining(path),
    });
    expect(existsSync(path)).toBe(false);
    expect(await valueOf(serving, READ)).toBe(1);
  });

  test.each([true, false])(
    'that another process has open fails and names that process (read-only: %s)',
    async (readonly) => {
      const path = await createFile(join(createFolder(), 'data.duckdb'), 1);
      const holder = spawn(
        process.execPath,
        scriptOf(path, "console.log('open'); setInterval(() => connection, 1000);"),
      );
      onTestFinished(() => void holder.kill('SIGKILL'));
      await once(holder.stdout, 'data');
      const registry = createRegistry();
      await expect(buildGeneration(registry, specOf(path, { readonly }))).rejects.toMatchObject({
        code: 'database_locked',
        message: expect.stringMatching(new RegExp(`${path}.*process ${holder.pid} has it open`)),
      });
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      const database = await vi.waitFor(() => buildGeneration(registry, specOf(path, { readonly })));
      expect(await valueOf(database, READ)).toBe(1);
    },
  );

  test('that is not a database fails with one line, and is left as it is', async () => {
    const path = join(createFolder(), 'notes.txt');
    writeFileSync(path, 'just some notes, no database at all\n'.repeat(200));
    const failure = buildGeneration(createRegistry(), specOf(path));
    await expect(failure).rejects.toMatchObject({
      code: 'database_failed',
      message: expect.stringMatching(/^cannot open database .*notes\.txt: [^\n]+$/),
    });
    expect(countDescriptors(path)).toBe(0);
  });

  test('that is a folder fails with that reason', async () => {
    const path = join(createFolder(), 'folder');
    mkdirSync(path);
    await expect(buildGeneration(createRegistry(), specOf(path))).rejects.toMatchObject({
      code: 'database_failed',
      message: expect.stringContaining('not a regular file'),
    });
  });

  test('whose folder is a file fails with that reason', async () => {
    const file = join(createFolder(), 'file');
    writeFileSync(file, '');
    await expect(buildGeneration(createRegistry(), specOf(join(file, 'data.duckdb')))).rejects.toMatchObject({
      code: 'database_missing',
      message: expect.stringContaining('create it or change `duckdb.path`'),
    });
  });

  test('whose folder cannot be created fails with that reason', async () => {
    await expect(
      buildGeneration(createRegistry(), specOf('/proc/mxcp-no-such-folder/in/data.duckdb')),
    ).rejects.toMatchObject({
      code: 'database_missing',
      message: expect.stringContaining("mkdir '/proc/mxcp-no-such-folder'"),
    });
  });

  test('because it is missing and opened read-only is not created, and neither is its folder', async () => {
    const folder = createFolder();
    for (const path of [join(folder, 'data.duckdb'), join(folder, 'no', 'such', 'data.duckdb')])
      await expect(buildGeneration(createRegistry(), specOf(path, { readonly: true }))).rejects.toMatchObject({
        code: 'database_missing',
        message: expect.stringContaining(`database ${path} does not exist`),
      });
    expect(readdirSync(folder)).toEqual([]);
  });

  test('does not fill the folder with the names that killed starts have left', async () => {
    const path = join(createFolder(), 'data.duckdb');
    writeFileSync(path, 'no database'.repeat(1000));
    const ended = spawn('true');
    await once(ended, 'exit');
    const left = [`${ended.pid}`, 'a1b2c3d4'].map((end) =>
      join(dirname(path), `.data.duckdb.mxcp-tmp-01234567-${end}`),
    );
    const ofRunning = join(dirname(path), `.data.duckdb.mxcp-tmp-89abcdef-${process.ppid}`);
    for (const name of [...left, ofRunning]) linkSync(path, name);
    await expect(buildGeneration(createRegistry(), specOf(path))).rejects.toMatchObject({ code: 'database_failed' });
    expect(left.filter((name) => existsSync(name))).toEqual([]);
    expect(existsSync(ofRunning)).toBe(true);
  });

  test.each([':memory:', ':memory:named', 'md:shared', 's3://bucket/data.duckdb'])(
    'that is not on disk fails with that reason: %s',
    async (path) => {
      await expect(buildGeneration(createRegistry(), specOf(path))).rejects.toMatchObject({
        code: 'database_failed',
        message: expect.stringContaining('is not a file'),
      });
    },
  );

  test('leaves the registry ready for one that can', async () => {
    const folder = createFolder();
    const registry = createRegistry();
    await expect(buildGeneration(registry, specOf(folder))).rejects.toThrow();
    const database = await buildGeneration(registry, specOf(join(folder, 'data.duckdb')));
    expect(await valueOf(database, 'SELECT 1')).toBe(1);
  });

  test.each([
    ['is there and read-only', 'old.duckdb', false, 'this user has no permission to write to it; open it read-only'],
    ['is there and private', 'private.duckdb', true, 'this user has no permission to read it; let this user read it'],
    ['would have to be made', 'new.duckdb', false, 'this user cannot create it; let this user write to'],
  ])('that this user may not open fails with what to do: it %s', async (_what, name, readonly, fix) => {
    const folder = createFolder();
    const [old, privateFile] = await Promise.all(
      ['old.duckdb', 'private.duckdb'].map((each) => createFile(join(folder, each), 1)),
    );
    chmodSync(old ?? '', 0o444);
    chmodSync(privateFile ?? '', 0o000);
    chmodSync(folder, 0o555);
    onTestFinished(() => chmodSync(folder, 0o755));
    const opening = asOrdinaryUser(() => buildGeneration(createRegistry(), specOf(join(folder, name), { readonly })));
    await expect(opening).rejects.toMatchObject({ code: 'database_failed', message: expect.stringContaining(fix) });
  });
});
