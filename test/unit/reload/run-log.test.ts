import { describe, expect, test } from 'vitest';
import { MxcpError, problemsError } from '../../../src/errors/index.js';
import { type PlannedRun, type ReloadRequest, RunLog } from '../../../src/reload/reload-runs.js';

function createRequest(id: string, dryRun = false): ReloadRequest {
  return { id, trigger: 'cli', dryRun, definitions: true, force: false, hasPayload: false, requestedAt: new Date(5) };
}

function createRun(dryRun = false): PlannedRun {
  return { first: createRequest('a', dryRun), others: [createRequest('b'), createRequest('c')] };
}

function statuses(log: RunLog): Record<string, string> {
  const record = log.recordFor(log.run.first);
  return Object.fromEntries(record.stages.map(({ name, status }) => [name, status]));
}

describe('the record of a run', () => {
  test('that waits says so and promises every stage in order', () => {
    const run = createRun();
    const record = new RunLog(run, 4).recordFor(run.first);
    expect(record).toMatchObject({
      id: 'a',
      trigger: 'cli',
      status: 'queued',
      dryRun: false,
      definitions: true,
      requestedAt: new Date(5),
      startedAt: null,
      endedAt: null,
      durationMs: null,
      generation: { from: 4, to: null },
      references: [],
      database: null,
      requestsDraining: 0,
      restartRequired: [],
      definitionsChanged: [],
      error: null,
    });
    expect(record.stages).toEqual(
      ['load', 'resolve', 'build', 'check', 'swap', 'drain', 'dispose'].map((name) => ({
        name,
        status: 'pending',
        durationMs: null,
      })),
    );
  });

  test('has a record for each request with its own id and the ids of the others', () => {
    const run = createRun();
    const log = new RunLog(run, 1);
    const records = [run.first, ...run.others].map((request) => log.recordFor(request));
    expect(records.map(({ id, sharedWith }) => [id, sharedWith])).toEqual([
      ['a', ['b', 'c']],
      ['b', ['a', 'c']],
      ['c', ['a', 'b']],
    ]);
  });

  test('that runs shows the stage it is in', async () => {
    const log = new RunLog(createRun(), 1);
    log.start(2);
    expect(log.recordFor(log.run.first)).toMatchObject({ status: 'running', generation: { from: 2, to: null } });
    await log.stage('load', async () => {
      expect(statuses(log)).toMatchObject({ load: 'running', resolve: 'pending' });
    });
    expect(statuses(log)).toMatchObject({ load: 'success', resolve: 'pending' });
    expect(log.recordFor(log.run.first).stages[0]?.durationMs).toBeGreaterThanOrEqual(0);
  });

  test('collects findings, later ones beside earlier ones', () => {
    const log = new RunLog(createRun(), 1);
    const references = [{ ref: '${X}', usedBy: ['a.b'], outcome: 'changed' as const, version: null, error: null }];
    log.report({ references });
    log.report({ definitionsChanged: ['tools/a.yml: changed'] });
    expect(log.recordFor(log.run.first)).toMatchObject({ references, definitionsChanged: ['tools/a.yml: changed'] });
  });

  test('that succeeds keeps stages that are still running', async () => {
    const log = new RunLog(createRun(), 1);
    log.start(1);
    log.swapped(2, 3);
    let finishDrain = (): void => undefined;
    const drained = log.stage('drain', () => new Promise<void>((resolve) => (finishDrain = resolve)));
    log.succeed();
    const record = log.recordFor(log.run.first);
    expect(record).toMatchObject({ status: 'success', generation: { from: 1, to: 2 }, requestsDraining: 3 });
    expect(record.durationMs).toBeGreaterThanOrEqual(0);
    expect(statuses(log)).toMatchObject({ drain: 'running', dispose: 'pending' });
    finishDrain();
    await drained;
    expect(statuses(log)).toMatchObject({ drain: 'success' });
    expect(record.stages.find(({ name }) => name === 'drain')?.status).toBe('running');
  });

  test('that fails names the stage and the place, and skips the rest', async () => {
    const log = new RunLog(createRun(), 1);
    log.start(1);
    await log.stage('load', async () => undefined);
    const error = problemsError('reference_unresolved', '1 reference has no value', [
      { file: 'config.yml', line: 3, column: 9, message: '${X} is not set' },
    ]);
    await expect(log.stage('resolve', () => Promise.reject(error))).rejects.toBe(error);
    log.fail(error);
    const record = log.recordFor(log.run.first);
    expect(record.status).toBe('error');
    expect(record.error).toEqual({
      code: 'reference_unresolved',
      message: '1 reference has no value\n  config.yml:3:9: ${X} is not set',
      stage: 'resolve',
      file: 'config.yml',
      line: 3,
      column: 9,
    });
    expect(statuses(log)).toEqual({
      load: 'success',
      resolve: 'error',
      build: 'skipped',
      check: 'skipped',
      swap: 'skipped',
      drain: 'skipped',
      dispose: 'skipped',
    });
  });

  test('that fails without a place says null', () => {
    const log = new RunLog(createRun(), 1);
    log.fail(new MxcpError('database_locked', 'held'));
    expect(log.recordFor(log.run.first).error).toMatchObject({ file: null, line: null, column: null });
  });

  test('that fails with a bug quotes nothing of it', () => {
    const log = new RunLog(createRun(), 1);
    log.fail(new TypeError('cannot read hunter2'));
    expect(log.recordFor(log.run.first).error).toMatchObject({
      code: 'internal',
      message: expect.not.stringContaining('hunter2'),
    });
  });

  test('of a dry run skips what a dry run does not do', () => {
    const log = new RunLog(createRun(true), 1);
    log.start(1);
    log.succeed();
    expect(statuses(log)).toMatchObject({ swap: 'skipped', drain: 'skipped', dispose: 'skipped' });
    expect(log.recordFor(log.run.first).generation.to).toBeNull();
  });
});
