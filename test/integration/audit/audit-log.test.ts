import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AuditLog, type AuditSettings, listSegments, NO_FACTS } from '../../../src/audit/index.js';
import { readAuditHashes } from '../../../src/contract/index.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { readAuditLines } from '../../kit/audit-lines.js';

const FACTS = {
  ...NO_FACTS,
  schemaName: 'mxcp.endpoints',
  schemaVersion: 2,
  operationType: 'tool',
  operationName: 'add',
  operationStatus: 'success',
  callerType: 'http',
};

let folder = '';
let base = '';
const opened: AuditLog[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mxcp-audit-'));
  base = join(folder, 'audit', 'logs-dev.jsonl');
});
afterEach(async () => {
  for (const log of opened.splice(0)) await log.dispose();
  rmSync(folder, { recursive: true, force: true });
});

interface Overrides extends Partial<AuditSettings> {
  readonly scrub?: (text: string) => string;
  readonly answerMs?: number;
}

async function open({ scrub = (text) => text, answerMs, ...settings }: Overrides = {}): Promise<AuditLog> {
  const all: AuditSettings = {
    path: base,
    maxFileBytes: 1_000_000,
    durability: 'sync',
    onFailure: 'stop',
    retentionDays: undefined,
    ...settings,
  };
  const log = new AuditLog({ settings: all, logger: createSilentLogger(), scrub, ...(answerMs && { answerMs }) });
  opened.push(log);
  await log.open();
  return log;
}

const append = (log: AuditLog, name = 'add'): Promise<void> =>
  log.append({ ...FACTS, operationName: name }, { input: '{"a":1}', output: '3' });
const names = async (): Promise<readonly unknown[]> =>
  (await readAuditLines(base)).map((line) => line['operation_name']);

describe('the audit log', () => {
  it('has a record on disk when it says so, in a file that only its user can read', async () => {
    const log = await open();
    expect(await listSegments(base)).toEqual([]);
    await append(log);
    const [line] = await readAuditLines(base);
    expect(line).toMatchObject({ operation_name: 'add', input_data: { a: 1 }, output_data: 3, user_id: null });
    const [segment] = await listSegments(base);
    expect(segment?.path).toMatch(/\/audit\/logs-dev-\d{8}T\d{6}\.jsonl$/);
    expect(statSync(segment?.path ?? '').mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, 'audit')).mode & 0o777).toBe(0o700);
  });

  it('writes no file for a server that records nothing', async () => {
    const log = await open();
    await log.dispose();
    expect(readdirSync(join(folder, 'audit'))).toEqual([]);
  });

  it('writes records in the order in which they came, each once, however many come at once', async () => {
    const log = await open({ maxFileBytes: 20_000 });
    const wanted = Array.from({ length: 500 }, (_, index) => `call-${index}`);
    await Promise.all(wanted.map((name) => append(log, name)));
    expect(await names()).toEqual(wanted);
    const ids = (await readAuditLines(base)).map((line) => String(line['record_id']));
    expect(ids).toEqual([...ids].sort());
  });

  it('begins a new segment when one is full, and one of its own beside another server', async () => {
    const [first, second] = [await open({ maxFileBytes: 1500 }), await open({ maxFileBytes: 1500 })];
    for (const name of ['a', 'b', 'c']) {
      await append(first, name);
      await append(second, name);
    }
    const segments = await listSegments(base);
    expect(segments).toHaveLength(6);
    expect((await names()).toSorted()).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  it('continues in a new segment after the current one was moved', async () => {
    const log = await open();
    await append(log, 'before');
    const [segment] = await listSegments(base);
    renameSync(segment?.path ?? '', join(folder, 'moved'));
    log.reopen();
    await append(log, 'after');
    expect(readFileSync(join(folder, 'moved'), 'utf8')).toContain('"before"');
    expect(await names()).toEqual(['after']);
  });

  it('writes a record again when its segment was removed under it', async () => {
    const log = await open();
    await append(log, 'removed');
    for (const { path } of await listSegments(base)) rmSync(path);
    await append(log, 'kept');
    expect(await names()).toEqual(['kept']);
  });

  it('chains its records by hashes, so that a changed or missing line shows', async () => {
    const log = await open({ maxFileBytes: 2500 });
    for (const name of ['a', 'b', 'c', 'd', 'e']) await append(log, name);
    const texts = (await listSegments(base)).map(({ path }) => readFileSync(path, 'utf8'));
    const lines = texts.join('').trimEnd().split('\n');
    const hashes = lines.map(readAuditHashes);
    expect(hashes.map((each) => each?.isIntact)).toEqual(lines.map(() => true));
    expect(hashes.map((each) => each?.previous)).toEqual([null, ...hashes.slice(0, -1).map((each) => each?.hash)]);
    expect(readAuditHashes((lines[2] ?? '').replace('"c"', '"x"'))?.isIntact).toBe(false);
  });

  it('has no secret in a line, and the hash is that of what is there', async () => {
    const log = await open({ scrub: (text) => text.replaceAll('hunter2', '[secret]') });
    await log.append({ ...FACTS, error: 'hunter2' }, { input: '{"a":"hunter2"}', output: '"hunter2"' });
    const text = readFileSync((await listSegments(base))[0]?.path ?? '', 'utf8').trimEnd();
    expect(text).not.toContain('hunter2');
    expect(readAuditHashes(text)?.isIntact).toBe(true);
  });
});

/** The folder cannot be written, also by root: a file is in its place. */
function block(): () => void {
  renameSync(join(folder, 'audit'), join(folder, 'audit-away'));
  writeFileSync(join(folder, 'audit'), '');
  return () => {
    rmSync(join(folder, 'audit'));
    renameSync(join(folder, 'audit-away'), join(folder, 'audit'));
  };
}

describe('an audit log that cannot be written', () => {
  it('prevents a start, unless calls may continue without records', async () => {
    writeFileSync(join(folder, 'audit'), '');
    await expect(open()).rejects.toMatchObject({ code: 'audit_failed', exitCode: 4 });
    const log = await open({ onFailure: 'continue' });
    expect(log.state.failure).toContain('EEXIST');
    expect(() => log.assertReady()).not.toThrow();
  });

  it('refuses calls until it has written what is missing, with a record of the gap', async () => {
    const log = await open();
    await append(log, 'before');
    log.reopen();
    const unblock = block();
    await expect(append(log, 'ran')).rejects.toMatchObject({ code: 'audit_failed' });
    expect(() => log.assertReady()).toThrow('no call without its record');
    expect(log.state).toMatchObject({ failure: expect.stringContaining('EEXIST'), lost: 0 });
    unblock();
    await vi.waitFor(() => expect(() => log.assertReady()).not.toThrow(), { timeout: 5000 });
    await append(log, 'after');
    const lines = await readAuditLines(base);
    expect(lines.map((line) => line['operation_name'])).toEqual(['before', 'ran', 'gap', 'after']);
    expect(lines[2]).toMatchObject({ operation_type: 'audit', output_data: { lost: 0 }, error_code: 'audit_failed' });
    expect(JSON.stringify(lines[2]?.['output_data'])).toMatch(/"refused":[1-9]/);
  });

  it('lets calls continue where that was chosen, and writes their records later', async () => {
    const log = await open({ onFailure: 'continue' });
    await append(log, 'before');
    log.reopen();
    const unblock = block();
    await append(log, 'during');
    expect(log.state.failure).toBeDefined();
    unblock();
    await vi.waitFor(() => expect(log.state.failure).toBeUndefined(), { timeout: 5000 });
    expect(await names()).toEqual(['before', 'during', 'gap']);
  });

  it('counts what it could not keep', async () => {
    const log = await open({ onFailure: 'continue' });
    await append(log, 'before');
    log.reopen();
    const unblock = block();
    const large = JSON.stringify('x'.repeat(6 * 1024 * 1024));
    for (let count = 0; count < 4; count += 1) await log.append(FACTS, { input: large, output: 'null' });
    expect(log.state.lost).toBe(2);
    unblock();
    await vi.waitFor(() => expect(log.state.failure).toBeUndefined(), { timeout: 5000 });
    const gap = (await readAuditLines(base)).find((line) => line['operation_name'] === 'gap');
    expect(gap?.['output_data']).toEqual({ refused: 0, lost: 2 });
  });
});
