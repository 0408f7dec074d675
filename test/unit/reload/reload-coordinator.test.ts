import { describe, expect, test, vi } from 'vitest';
import { MxcpError } from '../../../src/errors/index.js';
import { createCoordinator, createGate, createHolder, type StepName } from './in-memory-steps.js';

describe('a reload', () => {
  test('goes through its steps in order, swaps and frees what served', async () => {
    const { steps, active, coordinator } = createCoordinator();
    steps.source = 'version 2';
    const record = await coordinator.request({ trigger: 'sighup' }).ended;
    expect(steps.stepNames()).toEqual(['load', 'resolve', 'build', 'check', 'commit', 'announce', 'dispose']);
    expect(active.current).toMatchObject({ number: 2, contents: 'version 2' });
    expect(steps.disposed).toEqual([1]);
    expect(record).toMatchObject({
      trigger: 'sighup',
      status: 'success',
      generation: { from: 1, to: 2 },
      definitionsChanged: ['now version 2'],
      sharedWith: [],
      error: null,
    });
    expect(record.stages.every(({ status }) => status === 'success')).toBe(true);
    expect(coordinator.status()).toEqual({
      inProgress: false,
      draining: false,
      queued: 0,
      last: record,
      restartRequired: [],
    });
  });

  test('is known as running while it runs', async () => {
    const { steps, coordinator } = createCoordinator();
    const gate = createGate();
    steps.before = (step) => (step === 'build' ? gate.pass() : undefined);
    const { id, ended } = coordinator.request({ trigger: 'api' });
    await gate.arrived;
    expect(coordinator.status()).toMatchObject({ inProgress: true, queued: 0, last: null });
    expect(coordinator.find(id)).toMatchObject({ status: 'running', endedAt: null });
    gate.open();
    await ended;
    expect(coordinator.find(id)).toMatchObject({ id, status: 'success' });
  });

  test('reports each change once, in order', async () => {
    const { coordinator, changes } = createCoordinator();
    await coordinator.request({ trigger: 'api' }).ended;
    const stages = ['load', 'resolve', 'build', 'check', 'swap', 'drain', 'dispose'];
    expect(changes).toEqual([
      'queued queued',
      'started running',
      ...stages.flatMap((name) => [`${name} running`, `${name} success`]),
      'ended success',
    ]);
  });

  test('reports the stage that fails', async () => {
    const { coordinator, changes, steps } = createCoordinator();
    steps.before = (step) => (step === 'resolve' ? Promise.reject(new Error('no value')) : undefined);
    await coordinator.request({ trigger: 'api' }).ended;
    expect(changes.slice(-3)).toEqual(['resolve running', 'resolve error', 'ended error']);
  });

  test('passes to the steps whether definitions are read and the next number', async () => {
    const { steps, coordinator } = createCoordinator();
    await coordinator.request({ trigger: 'watch', definitions: true }).ended;
    await coordinator.request({ trigger: 'watch' }).ended;
    const contexts = steps.taken.flatMap(({ context }) => context ?? []);
    expect(contexts).toMatchObject([
      { definitions: true, dryRun: false, nextNumber: 2 },
      { definitions: false, dryRun: false, nextNumber: 3 },
    ]);
  });
});

describe('many requests at once', () => {
  test('are at most two runs, each request with its own id and the record of a run that began after it', async () => {
    const { steps, active, coordinator } = createCoordinator();
    const accepted = Array.from({ length: 100 }, () => coordinator.request({ trigger: 'api' }));
    expect(coordinator.status().queued).toBe(99);
    const records = await Promise.all(accepted.map(({ ended }) => ended));
    expect(steps.stepNames().filter((step) => step === 'load')).toHaveLength(2);
    expect(active.current.number).toBe(3);
    expect(records.map(({ id }) => id)).toEqual(accepted.map(({ id }) => id));
    expect(new Set(records.map(({ id }) => id)).size).toBe(100);
    expect(records[0]?.sharedWith).toEqual([]);
    for (const record of records.slice(1)) {
      expect(record).toMatchObject({ status: 'success', generation: { from: 2, to: 3 } });
      expect(record.sharedWith).toHaveLength(98);
      expect(record.sharedWith).not.toContain(record.id);
    }
  });

  test('are not answered by a run that may have read its files before them', async () => {
    const { steps, active, coordinator } = createCoordinator();
    const gate = createGate();
    steps.before = (step, generation) => (step === 'load' && generation === 2 ? gate.pass() : undefined);
    const first = coordinator.request({ trigger: 'api' });
    await gate.arrived;
    steps.source = 'version 2';
    const second = coordinator.request({ trigger: 'api' });
    expect(coordinator.find(second.id)).toMatchObject({ id: second.id, status: 'queued', generation: { from: 1 } });
    expect(coordinator.list(10).map(({ id }) => id)).toEqual([second.id, first.id]);
    gate.open();
    expect(await first.ended).toMatchObject({ definitionsChanged: ['now version 1'] });
    expect(await second.ended).toMatchObject({ definitionsChanged: ['now version 2'] });
    expect(active.current.contents).toBe('version 2');
  });

  test('never run beside each other', async () => {
    const { steps, coordinator } = createCoordinator();
    let running = 0;
    steps.before = async (step) => {
      if (step === 'load') {
        running += 1;
        expect(running).toBe(1);
      }
      await Promise.resolve();
      if (step === 'commit' || (step === 'dispose' && running > 0)) running = 0;
    };
    const kinds = [{ dryRun: true }, {}, { definitions: true }, { dryRun: true }, {}];
    const accepted = kinds.map((kind) => coordinator.request({ trigger: 'api', ...kind }));
    const records = await Promise.all(accepted.map(({ ended }) => ended));
    expect(records.map(({ status }) => status)).toEqual(Array(5).fill('success'));
  });

  test('are refused beyond a bound, with the time to try again', async () => {
    const { steps, coordinator } = createCoordinator();
    const gate = createGate();
    steps.before = () => gate.pass();
    const accepted = Array.from({ length: 1001 }, () => coordinator.request({ trigger: 'api' }));
    expect(() => coordinator.request({ trigger: 'api' })).toThrow(
      expect.objectContaining({ code: 'server_busy', retryAfterSeconds: 1 }),
    );
    gate.open();
    await Promise.all(accepted.map(({ ended }) => ended));
  });
});

describe('a dry run', () => {
  test('changes nothing, frees its candidate and leaves the last reload alone', async () => {
    const { steps, active, coordinator } = createCoordinator();
    const last = await coordinator.request({ trigger: 'api' }).ended;
    const serving = active.current;
    steps.taken.length = 0;
    const record = await coordinator.request({ trigger: 'api', dryRun: true }).ended;
    expect(steps.stepNames()).toEqual(['load', 'resolve', 'build', 'check', 'dispose']);
    expect(active.current).toBe(serving);
    expect(steps.disposed).toEqual([1, 3]);
    expect(record).toMatchObject({ status: 'success', dryRun: true, generation: { from: 2, to: null } });
    expect(coordinator.status().last).toEqual(last);
    expect(coordinator.find(record.id)).toEqual(record);
  });

  test('that fails leaves the last reload alone too', async () => {
    const { steps, coordinator } = createCoordinator();
    steps.before = (step) => {
      if (step === 'check') throw new MxcpError('endpoint_invalid', 'no such table');
    };
    const record = await coordinator.request({ trigger: 'api', dryRun: true }).ended;
    expect(record).toMatchObject({ status: 'error', error: { stage: 'check', code: 'endpoint_invalid' } });
    expect(coordinator.status().last).toBeNull();
  });

  test('found out what it was asked also when its candidate cannot be freed', async () => {
    const { steps, coordinator, lines } = createCoordinator();
    steps.before = (step) => {
      if (step === 'dispose') throw new Error('worker does not stop');
    };
    const record = await coordinator.request({ trigger: 'api', dryRun: true }).ended;
    expect(record).toMatchObject({ status: 'success', error: null });
    expect(lines.join('')).toContain('worker does not stop');
  });
});

describe('a reload that fails', () => {
  const failingSteps: readonly [StepName, string, boolean][] = [
    ['load', 'load', false],
    ['resolve', 'resolve', false],
    ['build', 'build', false],
    ['check', 'check', true],
    ['commit', 'swap', true],
  ];

  test.each(failingSteps)(
    'at %s keeps the current generation and frees the candidate',
    async (failing, stage, hasCandidate) => {
      const { steps, active, coordinator, lines } = createCoordinator();
      const serving = active.current;
      steps.before = (step) => {
        if (step === failing) throw new MxcpError('database_failed', `broken at ${failing}`);
      };
      const record = await coordinator.request({ trigger: 'api' }).ended;
      expect(record).toMatchObject({
        status: 'error',
        generation: { from: 1, to: null },
        error: { code: 'database_failed', message: `broken at ${failing}`, stage },
      });
      expect(active.current).toBe(serving);
      active.current.acquire(createHolder()).release();
      expect(steps.disposed).toEqual(hasCandidate ? [2] : []);
      expect(coordinator.status().last).toEqual(record);
      expect(lines.join('')).toContain(`reload failed: broken at ${failing}`);
    },
  );

  test('keeps its reason when its candidate cannot be freed either', async () => {
    const { steps, coordinator, lines } = createCoordinator();
    steps.before = (step) => {
      if (step === 'check') throw new MxcpError('endpoint_invalid', 'the reason');
      if (step === 'dispose') throw new Error('and more');
    };
    const record = await coordinator.request({ trigger: 'api' }).ended;
    expect(record.error).toMatchObject({ code: 'endpoint_invalid', message: 'the reason' });
    expect(lines.join('')).toContain('and more');
  });

  test('by a bug of ours puts the details in the log, where its message sends the reader', async () => {
    const { steps, coordinator, lines } = createCoordinator();
    steps.before = (step) => {
      if (step === 'build') throw new TypeError('x is not a function');
    };
    const record = await coordinator.request({ trigger: 'api' }).ended;
    expect(record.error).toMatchObject({ code: 'internal', stage: 'build' });
    expect(record.error?.message).not.toContain('x is not a function');
    expect(lines.join('')).toContain('x is not a function');
  });

  test('does not block the next one: valid, invalid, valid', async () => {
    const { steps, active, coordinator } = createCoordinator();
    steps.before = (step) => {
      if (step === 'load' && steps.source === 'nonsense') throw new MxcpError('config_invalid', 'nonsense');
    };
    const statuses: string[] = [];
    for (const source of ['version 2', 'nonsense', 'version 3']) {
      steps.source = source;
      const { status } = await coordinator.request({ trigger: 'sighup' }).ended;
      statuses.push(`${status}: ${active.current.contents}`);
    }
    expect(statuses).toEqual(['success: version 2', 'error: version 2', 'success: version 3']);
    expect(steps.disposed).toEqual([1, 2]);
  });
});

describe('after the swap', () => {
  test('calls end on the generation they began on, and the next reload does not wait for them', async () => {
    const { steps, active, coordinator } = createCoordinator();
    const lease = active.current.acquire(createHolder());
    const { id, ended } = coordinator.request({ trigger: 'api' });
    expect(await ended).toMatchObject({ status: 'success', requestsDraining: 1 });
    expect(coordinator.status()).toMatchObject({ inProgress: false, draining: true });
    const stages = (): unknown => coordinator.find(id)?.stages.map(({ name, status }) => `${name} ${status}`);
    expect(stages()).toEqual(expect.arrayContaining(['swap success', 'drain running', 'dispose pending']));
    await coordinator.request({ trigger: 'api' }).ended;
    expect(active.current.number).toBe(3);
    expect(steps.disposed).toEqual([2]);
    expect(lease.contents).toBe('version 1');
    lease.release();
    await vi.waitFor(() => expect(coordinator.status().draining).toBe(false));
    expect(steps.disposed).toEqual([2, 1]);
    expect(stages()).toEqual(expect.arrayContaining(['drain success', 'dispose success']));
  });

  test('an old generation that cannot be freed is logged, and no failure', async () => {
    const { steps, active, coordinator, lines } = createCoordinator();
    steps.before = (step) => {
      if (step === 'dispose') throw new Error('worker does not stop');
    };
    const record = await coordinator.request({ trigger: 'api' }).ended;
    expect(record).toMatchObject({ status: 'success', error: null, generation: { to: 2 } });
    expect(record.stages.find(({ name }) => name === 'dispose')).toMatchObject({ status: 'error' });
    expect(active.current.number).toBe(2);
    expect(lines.join('')).toContain('worker does not stop');
    expect(coordinator.status().draining).toBe(false);
  });

  test('an announcement that throws is logged, and the old generation is freed', async () => {
    const { steps, coordinator, lines } = createCoordinator();
    steps.before = (step) => {
      if (step === 'announce') throw new Error('no client listens');
    };
    expect(await coordinator.request({ trigger: 'api' }).ended).toMatchObject({ status: 'success' });
    expect(steps.disposed).toEqual([1]);
    expect(lines.join('')).toContain('no client listens');
  });
});

describe('the history', () => {
  test('keeps fifty runs, newest first', async () => {
    const { coordinator } = createCoordinator();
    const ids: string[] = [];
    for (let run = 0; run < 53; run += 1) ids.push((await coordinator.request({ trigger: 'api' }).ended).id);
    expect(coordinator.list(100).map(({ id }) => id)).toEqual(ids.slice(3).reverse());
    expect(coordinator.list(2).map(({ id }) => id)).toEqual(ids.slice(-2).reverse());
    expect(coordinator.find(ids[0] ?? '')).toBeUndefined();
    expect(coordinator.find(ids[3] ?? '')?.id).toBe(ids[3]);
  });

  test('loses nothing to a flood of requests', async () => {
    const { coordinator } = createCoordinator();
    const before = await coordinator.request({ trigger: 'api' }).ended;
    const flood = Array.from({ length: 500 }, () => coordinator.request({ trigger: 'api' }));
    await Promise.all(flood.map(({ ended }) => ended));
    expect(coordinator.list(100)).toHaveLength(3);
    expect(coordinator.find(before.id)).toEqual(before);
    for (const { id } of flood) expect(coordinator.find(id)?.id).toBe(id);
  });

  test('knows no id that was never given', () => {
    expect(createCoordinator().coordinator.find('unknown')).toBeUndefined();
  });
});

describe('closing', () => {
  test('ends what runs at its next stage, begins nothing that waits, and takes nothing new', async () => {
    const { steps, active, coordinator } = createCoordinator();
    const gate = createGate();
    steps.before = (step) => (step === 'check' ? gate.pass() : undefined);
    const accepted = [{}, {}, { dryRun: true }].map((kind) => coordinator.request({ trigger: 'api', ...kind }));
    await gate.arrived;
    const closed = coordinator.close();
    expect(() => coordinator.request({ trigger: 'sighup' })).toThrow(
      expect.objectContaining({ code: 'server_closing' }),
    );
    gate.open();
    const records = await Promise.all(accepted.map(({ ended }) => ended));
    expect(records.map(({ error }) => [error?.code, error?.stage])).toEqual([
      ['server_closing', 'swap'],
      ['server_closing', 'load'],
      ['server_closing', 'load'],
    ]);
    await closed;
    expect(active.current.number).toBe(1);
    expect(steps.stepNames()).toEqual(['load', 'resolve', 'build', 'check', 'dispose']);
    expect(steps.disposed).toEqual([2]);
  });

  test('does not wait for what is read from a disk that hangs', async () => {
    const { steps, coordinator } = createCoordinator();
    const gate = createGate();
    steps.before = (step) => (step === 'load' ? gate.pass() : undefined);
    const accepted = [coordinator.request({ trigger: 'api' }), coordinator.request({ trigger: 'api' })];
    await gate.arrived;
    await coordinator.close();
    const records = await Promise.all(accepted.map(({ ended }) => ended));
    expect(records.map(({ error }) => [error?.code, error?.stage])).toEqual([
      ['server_closing', 'load'],
      ['server_closing', 'load'],
    ]);
    expect(steps.stepNames()).toEqual(['load']);
  });

  test('lets a swap that has begun finish, and waits for old generations', async () => {
    const { steps, active, coordinator } = createCoordinator();
    const lease = active.current.acquire(createHolder());
    const gate = createGate();
    steps.before = (step) => (step === 'commit' ? gate.pass() : undefined);
    const { ended } = coordinator.request({ trigger: 'api' });
    await gate.arrived;
    let isClosed = false;
    const closed = coordinator.close().then(() => (isClosed = true));
    gate.open();
    expect(await ended).toMatchObject({ status: 'success' });
    expect(isClosed).toBe(false);
    lease.release();
    await closed;
    expect(steps.disposed).toEqual([1]);
  });

  test('ends at once when nothing runs', async () => {
    const { coordinator } = createCoordinator();
    await coordinator.close();
    await coordinator.close();
  });
});
