import { describe, expect, test } from 'vitest';
import { createCoordinator, createGate, createHolder, type StepName } from './in-memory-steps.js';

/** A coordinator whose first run waits in this step until the gate opens. */
async function runningUntil(step: StepName) {
  const made = createCoordinator();
  const gate = createGate();
  let isFirst = true;
  made.steps.before = (each) => {
    if (each !== step || !isFirst) return undefined;
    isFirst = false;
    return gate.pass();
  };
  const first = made.coordinator.request({ trigger: 'api' });
  await gate.arrived;
  return { ...made, gate, first };
}

describe('cancelling a reload', () => {
  test('that waits ends it at once and starts no run', async () => {
    const { coordinator, steps, gate, first, lines } = await runningUntil('build');
    const second = coordinator.request({ trigger: 'api' });
    const record = await coordinator.cancel(second.id);
    expect(record).toMatchObject({ id: second.id, status: 'error', error: { code: 'reload_cancelled' } });
    expect(await second.ended).toEqual(record);
    expect(coordinator.find(second.id)).toEqual(record);
    expect(coordinator.list(10).map(({ id }) => id)).toEqual(expect.arrayContaining([first.id, second.id]));
    gate.open();
    expect((await first.ended).status).toBe('success');
    expect(steps.stepNames().filter((step) => step === 'load')).toHaveLength(1);
    expect(lines.join('')).toContain('a reload is cancelled');
  });

  test('that waits with others ends only that request', async () => {
    const { coordinator, gate, first } = await runningUntil('build');
    const [second, third] = [coordinator.request({ trigger: 'api' }), coordinator.request({ trigger: 'cli' })];
    await coordinator.cancel(second.id);
    gate.open();
    await first.ended;
    expect(await third.ended).toMatchObject({ status: 'success', trigger: 'cli', sharedWith: [] });
  });

  test.each(['load', 'resolve', 'build', 'check'] as const)(
    'that runs, in %s, stops it before the next stage and leaves everything as it was',
    async (step) => {
      const { coordinator, active, steps, gate, first } = await runningUntil(step);
      const answer = coordinator.cancel(first.id);
      gate.open();
      const record = await answer;
      expect(record).toMatchObject({ status: 'error', generation: { to: null }, error: { code: 'reload_cancelled' } });
      expect(record.stages.find(({ name }) => name === 'swap')?.status).not.toBe('success');
      expect(active.current.number).toBe(1);
      expect(steps.stepNames()).not.toContain('commit');
      // It says nothing about the configuration, so it is not the last reload.
      expect(coordinator.status()).toMatchObject({ inProgress: false, last: null });
      expect((await coordinator.request({ trigger: 'api' }).ended).status).toBe('success');
    },
  );

  test('that runs for several requests ends only that request, until it is the last one', async () => {
    const { coordinator, steps, gate, first } = await runningUntil('build');
    const asked = [1, 2, 3].map(() => coordinator.request({ trigger: 'api' }));
    const ids = asked.map(({ id }) => id);
    const shared = createGate();
    steps.before = (step) => (step === 'build' ? shared.pass() : undefined);
    gate.open();
    await first.ended;
    await shared.arrived;
    expect(await coordinator.cancel(ids[0] ?? '')).toMatchObject({ id: ids[0], error: { code: 'reload_cancelled' } });
    expect(coordinator.find(ids[1] ?? '')).toMatchObject({ status: 'running', sharedWith: [ids[2]] });
    await coordinator.cancel(ids[2] ?? '');
    const last = coordinator.cancel(ids[1] ?? '');
    shared.open();
    expect(await last).toMatchObject({ id: ids[1], status: 'error', error: { code: 'reload_cancelled' } });
    expect((await Promise.all(asked.map(({ ended }) => ended))).map(({ id }) => id)).toEqual(ids);
    expect(coordinator.status()).toMatchObject({ inProgress: false, queued: 0, last: { id: first.id } });
  });

  test('that waits for calls of a handover ends the wait and lets calls continue', async () => {
    const { coordinator, active, steps } = createCoordinator();
    steps.needsHandover = true;
    const lease = active.tryAcquire(createHolder());
    const { id, ended } = coordinator.request({ trigger: 'api' });
    while (coordinator.find(id)?.stages.find(({ name }) => name === 'drain')?.status !== 'running')
      await new Promise(setImmediate);
    expect(await coordinator.cancel(id)).toMatchObject({
      status: 'error',
      error: { code: 'reload_cancelled', stage: 'drain' },
    });
    await ended;
    expect(active.current.number).toBe(1);
    expect(active.tryAcquire({ label: 'next', interrupt: () => {} })).toBeDefined();
    lease?.release();
  });

  test.each(['commit', 'dispose'] as const)('is too late in %s', async (step) => {
    const { coordinator, gate, first } = await runningUntil(step);
    await expect(coordinator.cancel(first.id)).rejects.toMatchObject({
      code: 'reload_not_cancellable',
      message: 'this reload cannot be cancelled: it takes effect already',
    });
    gate.open();
    expect((await first.ended).status).toBe('success');
    await expect(coordinator.cancel(first.id)).rejects.toMatchObject({
      message: 'this reload cannot be cancelled: it has ended (success)',
    });
  });

  test('that is unknown is an error', async () => {
    await expect(createCoordinator().coordinator.cancel('unknown')).rejects.toMatchObject({ code: 'reload_not_found' });
  });

  test('stops a dry run', async () => {
    const { coordinator, steps } = createCoordinator();
    const gate = createGate();
    steps.before = (step) => (step === 'check' ? gate.pass() : undefined);
    const { id } = coordinator.request({ trigger: 'api', dryRun: true });
    await gate.arrived;
    const answer = coordinator.cancel(id);
    gate.open();
    expect(await answer).toMatchObject({ status: 'error', error: { code: 'reload_cancelled' } });
  });
});
