import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuditReader, countRecords, findExpired, removeSegments } from '../../../src/audit/index.js';
import { ScratchDatabase } from '../../../src/duckdb/index.js';

let folder = '';
let base = '';
const opened: { dispose(): Promise<void> }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mxcp-audit-'));
  base = join(folder, "it's", 'logs-dev.jsonl');
  mkdirSync(join(folder, "it's"));
});
afterEach(async () => {
  for (const each of opened.splice(0)) await each.dispose();
  rmSync(folder, { recursive: true, force: true });
});

async function open(files: readonly string[] = []): Promise<AuditReader> {
  const reader = await AuditReader.open(base, { threads: 2, files });
  opened.push(reader);
  return reader;
}

let count = 0;
function lineOf(fields: Readonly<Record<string, unknown>>): string {
  count += 1;
  const id = `018f0000-0000-7000-8000-${String(count).padStart(12, '0')}`;
  return JSON.stringify({ record_id: id, timestamp: '2026-01-15T10:00:00.000Z', ...fields });
}

function write(segment: string, lines: readonly string[]): string {
  const path = join(folder, "it's", segment);
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}

const names = async (
  reader: AuditReader,
  filter: Parameters<AuditReader['query']>[0] = {},
  limit = 100,
): Promise<unknown[]> => (await reader.query(filter, { limit })).map((record) => record['operation_name']);

describe('reading the audit log', () => {
  it('finds nothing where there is no log', async () => {
    const reader = await open();
    expect(await reader.query({}, { limit: 10 })).toEqual([]);
    expect(await reader.stats({})).toMatchObject({ totalRecords: 0, earliestTimestamp: null });
  });

  it('orders the records of all segments by time, the newest first, in pages', async () => {
    write('logs-dev-20260115T100000.jsonl', [
      lineOf({ operation_name: 'a', timestamp: '2026-01-15T10:00:01.000Z' }),
      lineOf({ operation_name: 'c', timestamp: '2026-01-15T10:00:03.000Z' }),
    ]);
    write('logs-dev-20260115T100000-1.jsonl', [
      lineOf({ operation_name: 'b', timestamp: '2026-01-15T11:00:02.000+01:00' }),
      lineOf({ operation_name: 'd', timestamp: '2026-01-15T10:00:03.000Z' }),
    ]);
    write('logs-dev.jsonl', [lineOf({ operation_name: 'legacy', timestamp: '2025-01-15T10:00:00Z' })]);
    write('logs-other-20260115T100000.jsonl', [lineOf({ operation_name: 'of another profile' })]);
    write('logs-dev_schemas.jsonl', ['{"schema_name":"x"}']);
    const reader = await open();
    expect(await names(reader)).toEqual(['d', 'c', 'b', 'a', 'legacy']);
    const page = await reader.query({}, { limit: 2, offset: 1 });
    expect(page.map((record) => record['operation_name'])).toEqual(['c', 'b']);
  });

  it('leaves out lines that are no records, and only those', async () => {
    const path = write('logs-dev-20260115T100000.jsonl', [
      lineOf({ operation_name: 'first' }),
      '{"record_id":"torn","timestamp":"2026',
      '',
      '[1, 2]',
      'null',
      '\u0000\u0001 ÿ',
      '{"record_id": "no time"}',
      '{"record_id": "x", "timestamp": "yesterday"}',
      lineOf({ operation_name: 'odd', schema_version: 'two', duration_ms: {}, unknown_field: 1, input_data: 'text' }),
    ]);
    appendFileSync(path, lineOf({ operation_name: 'without an end of line' }));
    appendFileSync(
      write('logs-dev-20260115T100001.jsonl', [lineOf({ operation_name: 'large', error: 'x'.repeat(20_000_000) })]),
      'torn',
    );
    const reader = await open();
    expect(await names(reader)).toEqual(['large', 'without an end of line', 'odd', 'first']);
    expect(await reader.stats({})).toMatchObject({ totalRecords: 4 });
    const [odd] = await reader.query({ operationName: 'odd' }, { limit: 1 });
    expect(odd).toMatchObject({ schema_version: null, input_data: 'text', error: null, policy_decision: null });
    expect(odd).not.toHaveProperty('unknown_field');
  });

  it('takes conditions as values, never as SQL', async () => {
    write('logs-dev-20260115T100000.jsonl', [
      lineOf({ operation_name: 'a', user_id: 'ada', policy_decision: 'deny', operation_status: 'error' }),
      lineOf({ operation_name: "b') OR ('1'='1", user_id: 'bob' }),
    ]);
    const reader = await open();
    expect(await names(reader, { operationName: "zz') OR ('1'='1" })).toEqual([]);
    expect(await names(reader, { operationName: "b') OR ('1'='1" })).toEqual(["b') OR ('1'='1"]);
    expect(await names(reader, { userId: 'ada', policyDecision: 'deny', operationStatus: 'error' })).toEqual(['a']);
    expect(await names(reader, { userId: 'ada', policyDecision: 'allow' })).toEqual([]);
    const [from, until] = [new Date('2026-01-15T10:00:00Z'), new Date('2026-01-15T09:59:59Z')];
    expect(await names(reader, { from })).toHaveLength(2);
    expect(await names(reader, { until })).toEqual([]);
  });

  it('counts by kind, outcome and decision', async () => {
    write('logs-dev-20260115T100000.jsonl', [
      lineOf({ operation_type: 'tool', operation_status: 'success' }),
      lineOf({
        operation_type: 'tool',
        operation_status: 'error',
        policy_decision: 'deny',
        timestamp: '2026-01-16T00:00:00Z',
      }),
      lineOf({ operation_type: 'admin', operation_status: 'success', timestamp: '2026-01-14T00:00:00Z' }),
    ]);
    const reader = await open();
    expect(await reader.stats({})).toEqual({
      totalRecords: 3,
      byType: { tool: 2, admin: 1 },
      byStatus: { success: 2, error: 1 },
      byPolicy: { deny: 1 },
      earliestTimestamp: new Date('2026-01-14T00:00:00Z'),
      latestTimestamp: new Date('2026-01-16T00:00:00Z'),
    });
  });

  it('exports to CSV and to a table of DuckDB, and reaches no other file', async () => {
    write('logs-dev-20260115T100000.jsonl', [
      lineOf({ operation_name: 'a', input_data: { x: 1 } }),
      lineOf({ operation_name: 'b' }),
    ]);
    const [csv, duckdb] = [join(folder, 'out.csv'), join(folder, 'out.duckdb')];
    const reader = await open([csv, duckdb]);
    expect(await reader.exportTo({ path: csv, format: 'csv' }, {}, undefined)).toBe(2);
    const [head, first] = readFileSync(csv, 'utf8').split('\n');
    expect(head).toMatch(/^record_id,timestamp,schema_name,/);
    expect(first).toContain(',b,');
    expect(await reader.exportTo({ path: duckdb, format: 'duckdb' }, { operationName: 'a' }, undefined)).toBe(1);
    expect(await reader.exportTo({ path: duckdb, format: 'duckdb' }, {}, 1)).toBe(1);
    await expect(reader.exportTo({ path: join(folder, 'other.csv'), format: 'csv' }, {}, undefined)).rejects.toThrow(
      'Permission Error',
    );
    const exported = await ScratchDatabase.open({ folders: [folder], threads: 1 });
    opened.push(exported);
    await exported.query(`ATTACH '${duckdb}' AS found (READ_ONLY)`);
    expect(await exported.query('SELECT operation_name, input_data FROM found.logs')).toEqual([
      { operation_name: 'b', input_data: null },
    ]);
  });
});

describe('retention', () => {
  it('removes segments whose newest record is too old, whatever the time of the file', async () => {
    const old = write('logs-dev-20250101T000000.jsonl', [
      lineOf({ timestamp: '2025-01-01T00:00:00Z', schema_name: 'mxcp.endpoints' }),
      lineOf({ timestamp: '2025-01-02T00:00:00Z', schema_name: 'mxcp.admin' }),
    ]);
    appendFileSync(old, '{"torn');
    write('logs-dev-20250102T000000.jsonl', [
      lineOf({ timestamp: '2025-01-02T00:00:00Z' }),
      lineOf({ timestamp: '2026-01-14T00:00:00Z', operation_name: 'young' }),
    ]);
    const expired = await findExpired(base, 90, new Date('2026-01-15T00:00:00Z'));
    expect(expired.map(({ path }) => path)).toEqual([old]);
    expect(await countRecords(expired)).toEqual({ 'mxcp.endpoints': 1, 'mxcp.admin': 1 });
    await removeSegments(expired);
    expect(await names(await open())).toEqual(['young', null]);
  });
});
