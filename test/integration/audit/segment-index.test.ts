import * as fc from 'fast-check';
import { fork } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  AuditReader,
  buildIndexes,
  findSources,
  IndexBuilder,
  listSegments,
  removeSegments,
} from '../../../src/audit/index.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { runChildrenFromSources } from '../../kit/children-from-sources.js';

let folder = '';
let base = '';
const readers: AuditReader[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mxcp-audit-it's-"));
  base = join(folder, 'logs-dev.jsonl');
});
afterEach(async () => {
  for (const reader of readers.splice(0)) await reader.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function open(): Promise<AuditReader> {
  const reader = await AuditReader.open(base, { threads: 2 });
  readers.push(reader);
  return reader;
}

function lineOf(number: number, fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    record_id: `id-${String(number).padStart(6, '0')}`,
    timestamp: new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString(),
    operation_type: 'tool',
    operation_name: `name-${number % 3}`,
    operation_status: 'success',
    input_data: { number },
    ...fields,
  });
}

/** As if it had been finished an hour ago. */
function write(name: string, lines: readonly (string | Buffer)[]): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])));
  settle(path);
  return path;
}

function settle(path: string): void {
  const anHourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(path, anHourAgo, anHourAgo);
}

/** Segments of the first minutes of 2026, of so many records each. */
function writeSegments(sizes: readonly number[]): void {
  let number = 0;
  for (const [index, size] of sizes.entries())
    write(
      `logs-dev-20260101T0000${String(index).padStart(2, '0')}.jsonl`,
      Array.from({ length: size }, () => lineOf(number++)),
    );
}

const build = () => buildIndexes({ basePath: base, minBytes: 1 });
const indexNames = (): readonly string[] =>
  existsSync(join(folder, '.index')) ? readdirSync(join(folder, '.index')).sort() : [];
const namesOf = async (reader: AuditReader, limit = 100): Promise<readonly unknown[]> =>
  (await reader.query({}, { limit })).map((record) => record['operation_name']);

describe('an index of a segment', () => {
  it('is written once for each finished segment, and only its user can read it', async () => {
    writeSegments([3, 4]);
    expect(await build()).toEqual({ built: 2, failures: [] });
    const { indexed, plain } = await findSources(base);
    expect(plain).toEqual([]);
    expect(indexed.map(({ earliestMs, latestMs }) => (latestMs - earliestMs) / 1000)).toEqual([2, 3]);
    expect(statSync(join(folder, '.index')).mode & 0o777).toBe(0o700);
    expect(await build()).toEqual({ built: 0, failures: [] });
    writeFileSync(join(folder, 'logs-dev-20260101T000100.jsonl'), `${lineOf(99)}\n`);
    expect(await build()).toEqual({ built: 0, failures: [] });
    const reader = await open();
    expect(await reader.query({}, { limit: 1 })).toMatchObject([{ record_id: 'id-000099' }]);
    expect(await reader.stats({})).toMatchObject({ totalRecords: 8, byType: { tool: 8 } });
  });

  it('leads to the same records, byte for byte, as the segment itself', async () => {
    const odd = fc.oneof(fc.string(), fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.jsonValue());
    const time = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 40 }).map((second) => new Date(second * 1000).toISOString()) },
      fc.constantFrom('2026-01-15T11:00:00.123456+01:00', '2026-01-15T10:00:00', 'infinity', 'yesterday', '', 5),
    );
    const record = fc
      .record(
        {
          record_id: fc.oneof({ weight: 5, arbitrary: fc.constant('id') }, fc.constantFrom(['id'], 'id\u0000', null)),
          timestamp: time,
          operation_type: fc.oneof(fc.constantFrom('tool', 'admin'), odd),
          operation_status: fc.constantFrom('success', 'error'),
          user_id: fc.oneof(fc.constantFrom('ada', 'bob', "o'hara"), odd),
          schema_version: odd,
          duration_ms: odd,
          input_data: fc.jsonValue(),
          output_data: fc.jsonValue(),
          policies_evaluated: odd,
        },
        { requiredKeys: ['timestamp'] },
      )
      .map((fields) => JSON.stringify(fields));
    const garbage = fc.oneof(
      fc.constantFrom('', '[1]', 'null', '{"torn', '{"record_id": "x"}').map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 10 && byte !== 13))),
    );
    const segments = fc.array(fc.array(fc.oneof({ weight: 6, arbitrary: record }, garbage), { maxLength: 12 }), {
      minLength: 1,
      maxLength: 4,
    });
    const filter = fc.record(
      {
        operationType: fc.constantFrom('tool', 'admin'),
        userId: fc.constantFrom('ada', "o'hara", 'true'),
        from: fc.integer({ min: 0, max: 40 }).map((second) => new Date(second * 1000)),
        until: fc.integer({ min: 0, max: 40 }).map((second) => new Date(second * 1000)),
      },
      { requiredKeys: [] },
    );
    const page = fc.record({ limit: fc.integer({ min: 1, max: 30 }), offset: fc.integer({ min: 0, max: 20 }) });
    const reader = await open();
    await fc.assert(
      fc.asyncProperty(segments, fc.array(filter, { maxLength: 2 }), page, async (written, filters, wanted) => {
        for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
        // Records of the same time and id would have no order.
        let number = 0;
        const numbered = (line: string | Buffer) =>
          typeof line === 'string' ? line.replace('"id', () => `"${(number += 1)}`) : line;
        for (const [index, lines] of written.entries())
          write(`logs-dev-20260101T00000${index}.jsonl`, lines.map(numbered));
        const ask = async (): Promise<unknown> =>
          Promise.all(
            [{}, ...filters].map(async (each) => [
              (await reader.query(each, wanted)).map((found) => JSON.stringify(found)),
              await reader.stats(each),
            ]),
          );
        const plain = await ask();
        expect((await build()).failures).toEqual([]);
        expect((await findSources(base)).plain).toEqual([]);
        expect(await ask()).toEqual(plain);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });

  it('leads to the newest records, whatever the order of the segments', async () => {
    writeSegments([5, 5, 5, 5, 5, 5, 5, 5]);
    write('logs-dev-20250101T000000.jsonl', [lineOf(1_000_000, { operation_name: 'written last' })]);
    await build();
    const reader = await open();
    expect(await namesOf(reader, 2)).toEqual(['written last', 'name-0']);
    expect((await reader.query({}, { limit: 3, offset: 39 })).map((found) => found['record_id'])).toEqual([
      'id-000001',
      'id-000000',
    ]);
  });
});

describe('an index that does not belong to its segment', () => {
  it('leads to pages behind any number of records, also where the times of segments overlap', async () => {
    writeSegments([5, 5, 5, 5, 5, 5, 5, 5, 5, 5]);
    const between = Array.from({ length: 12 }, (_, at) => lineOf(20.5 + at));
    write('logs-dev-20260101T000100.jsonl', between);
    await build();
    // Without an index: newer than all, in the middle, and older than all.
    write('logs-dev-20260101T000200.jsonl', [lineOf(60), lineOf(33.2), lineOf(-1)]);
    const reader = await open();
    for (const filter of [{}, { operationName: 'name-1', until: new Date(Date.UTC(2026, 0, 1, 0, 0, 40)) }]) {
      const all = await reader.query(filter, { limit: 100 });
      for (let offset = 0; offset <= all.length; offset += 9)
        expect(await reader.query(filter, { limit: 4, offset })).toEqual(all.slice(offset, offset + 4));
    }
  });

  it('is never read after the segment was changed, also if its size and its time were kept', async () => {
    writeSegments([3]);
    await build();
    const [segment] = await listSegments(base);
    const path = segment?.path ?? '';
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replaceAll('name-2', 'name-X'));
    settle(path);
    expect((await findSources(base)).indexed).toEqual([]);
    const reader = await open();
    expect(await namesOf(reader)).toEqual(['name-X', 'name-1', 'name-0']);
    const before = indexNames();
    expect(await build()).toMatchObject({ built: 1 });
    expect(indexNames()).toHaveLength(1);
    expect(indexNames()).not.toEqual(before);
    expect(await namesOf(reader)).toEqual(['name-X', 'name-1', 'name-0']);
    appendFileSync(path, `${lineOf(7, { operation_name: 'added' })}\n`);
    expect(await namesOf(reader, 1)).toEqual(['added']);
  });

  it.each([
    ['is empty', (path: string) => truncateSync(path)],
    ['ends too early', (path: string) => truncateSync(path, statSync(path).size - 20)],
    ['is something else', (path: string) => writeFileSync(path, 'PAR1 and no more')],
    ['is gone', (path: string) => rmSync(path)],
  ])('costs no answer when it %s, and is written again', async (_how, damage) => {
    writeSegments([3, 3]);
    await build();
    const [damaged] = indexNames();
    damage(join(folder, '.index', damaged ?? ''));
    const reader = await open();
    expect(await namesOf(reader)).toHaveLength(6);
    expect(await reader.stats({})).toMatchObject({ totalRecords: 6 });
    expect(indexNames()).toHaveLength(1);
    expect(await build()).toMatchObject({ built: 1 });
    expect(indexNames()).toContain(damaged);
  });

  it('is removed before its segment, and without it', async () => {
    writeSegments([3, 3]);
    await build();
    const [first, second] = await listSegments(base);
    await removeSegments(first === undefined ? [] : [first]);
    expect(indexNames()).toHaveLength(1);
    rmSync(second?.path ?? '');
    expect(await build()).toEqual({ built: 0, failures: [] });
    expect(indexNames()).toEqual([]);
  });

  it('of another log in the same folder is left alone', async () => {
    writeSegments([3]);
    await build();
    await buildIndexes({ basePath: join(folder, 'logs-prod.jsonl'), minBytes: 1 });
    expect(indexNames()).toHaveLength(1);
  });
});

describe('a process that writes indexes and is killed', () => {
  it('leaves nothing that is read, whenever that happens, and the next one completes its work', async () => {
    runChildrenFromSources();
    writeSegments([2000, 2000, 2000]);
    const reader = await open();
    const expected = await reader.query({}, { limit: 500, offset: 3000 });
    const entry = join(import.meta.dirname, '../../../src/audit/audit-index-main.ts');
    for (const untilEntries of [0, 1, 2]) {
      const child = fork(entry, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      const ended = new Promise((resolve) => child.once('close', resolve));
      child.send({ basePath: base, minBytes: 1 });
      const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
      await vi.waitFor(() => expect(isOver() || indexNames().length >= untilEntries).toBe(true), {
        interval: 1,
        timeout: 20_000,
      });
      child.kill('SIGKILL');
      await ended;
      expect(await reader.query({}, { limit: 500, offset: 3000 })).toEqual(expected);
    }
    await build();
    expect((await findSources(base)).plain).toEqual([]);
    expect(await reader.query({}, { limit: 500, offset: 3000 })).toEqual(expected);
  });

  it('leaves the beginning of an index, which another one removes when it is old', async () => {
    writeSegments([3]);
    await build();
    const [whole] = indexNames();
    const beginning = join(folder, '.index', (whole ?? '').replace(/\.[^.]+\.parquet$/, '.4711.tmp'));
    writeFileSync(beginning, 'PAR1');
    await build();
    expect(existsSync(beginning)).toBe(true);
    settle(beginning);
    await build();
    expect(indexNames()).toEqual([whole]);
  });
});

describe('the builder of a server', () => {
  it('writes indexes in a process of the lowest priority, and says which segment it cannot read', async () => {
    runChildrenFromSources();
    writeSegments([3, 3]);
    mkdirSync(join(folder, 'logs-dev-20260102T000000.jsonl'));
    settle(join(folder, 'logs-dev-20260102T000000.jsonl'));
    const warnings: unknown[] = [];
    const logger = createSilentLogger();
    logger.warn = (facts: unknown) => void warnings.push(facts);
    const builder = new IndexBuilder({ basePath: base, logger, minBytes: 1 });
    await builder.update();
    expect((await findSources(base)).indexed).toHaveLength(2);
    expect(indexNames().map((name) => statSync(join(folder, '.index', name)).mode & 0o777)).toEqual([0o600, 0o600]);
    expect(warnings).toMatchObject([
      { path: expect.stringContaining('20260102'), reason: expect.stringContaining('EISDIR') },
    ]);
    await builder.dispose();
    await builder.update();
  });
});
