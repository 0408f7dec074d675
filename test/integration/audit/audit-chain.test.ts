import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { AuditLog, checkChain, listSegments, NO_FACTS } from '../../../src/audit/index.js';
import { createSilentLogger } from '../../../src/logging/index.js';

let folder = '';
let base = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mxcp-audit-'));
  base = join(folder, 'audit', 'logs-dev.jsonl');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A server that writes so many records, two in each file. */
async function writeRecords(count: number): Promise<void> {
  const log = new AuditLog({
    settings: { path: base, maxFileBytes: 1800, durability: 'sync', onFailure: 'stop', retentionDays: undefined },
    logger: createSilentLogger(),
    scrub: (text) => text,
  });
  await log.open();
  for (let number = 0; number < count; number += 1) {
    const facts = { schemaName: 'mxcp.endpoints', schemaVersion: 2, operationType: 'tool', operationName: 'add' };
    const rest = { operationStatus: 'success', callerType: 'http' };
    await log.append({ ...NO_FACTS, ...facts, ...rest }, { input: `{"number":${number}}`, output: 'null' });
  }
  await log.dispose();
}

async function pathOf(index: number): Promise<string> {
  return (await listSegments(base))[index]?.path ?? '';
}

function edit(path: string, change: (lines: readonly string[]) => readonly string[]): void {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  writeFileSync(
    path,
    change(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

const problems = async () => (await checkChain(base)).problems;

it('finds nothing wrong in what servers have written, one after the other', async () => {
  await writeRecords(5);
  await writeRecords(3);
  expect(await checkChain(base)).toEqual({ records: 8, segments: 5, problems: [] });
});

it('finds a line that is missing in a file, and names the one after it', async () => {
  await writeRecords(6);
  const path = await pathOf(1);
  edit(path, (lines) => lines.slice(1));
  expect(await problems()).toEqual([{ path, line: 1, message: 'records before this one are missing' }]);
});

it('finds lines that are missing between two files, and a file that is missing', async () => {
  await writeRecords(8);
  edit(await pathOf(0), (lines) => lines.slice(0, -1));
  const second = await pathOf(1);
  expect(await problems()).toEqual([{ path: second, line: 1, message: 'records before this one are missing' }]);
  rmSync(await pathOf(2));
  const last = await pathOf(2);
  expect(await problems()).toMatchObject([{ path: second }, { path: last, line: 1 }]);
});

it('finds a line that was changed, repeated, moved or is not whole', async () => {
  await writeRecords(4);
  const [first, second] = [await pathOf(0), await pathOf(1)];
  edit(first, ([line = '', ...lines]) => [line.replace('"number":0', '"number":9'), ...lines]);
  expect(await problems()).toEqual([{ path: first, line: 1, message: 'the record was changed after it was written' }]);
  edit(first, ([line = '', ...lines]) => [line.replace('"number":9', '"number":0'), ...lines]);
  expect(await problems()).toEqual([]);
  edit(second, (lines) => [...lines, lines[0] ?? '']);
  expect(await problems()).toMatchObject([{ path: second, line: 3 }]);
  edit(second, ([one = '', two = '']) => [two, one]);
  expect((await problems()).map(({ line }) => line)).toEqual([1, 2]);
  edit(second, ([two = '', one = '']) => [one, two.slice(0, -5)]);
  expect(await problems()).toMatchObject([{ path: second, line: 2, message: expect.stringContaining('no hash') }]);
});

it('cannot know what retention removed at the beginning', async () => {
  await writeRecords(6);
  rmSync(await pathOf(0));
  expect(await problems()).toEqual([]);
});
