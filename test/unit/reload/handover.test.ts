import { describe, expect, test, vi } from 'vitest';
import { MxcpError } from '../../../src/errors/index.js';
import { createCoordinator, createGate, createHolder } from './in-memory-steps.js';

function createHandover(limits: { pauseTimeoutMs?: number; drainTimeoutMs?: number } = {}) {
  const created = createCoordinator(limits);
  created.steps.needsHandover = true;
  return created;
}

/** A handover that began while generation 1 is being freed, which continues until the gate is opened. */
async function startWhileFreeing(limits: { drainTimeoutMs?: number } = {}) {
  const { coordinator, steps, active } = createHandover(limits);
  const gate = createGate();
  steps.needsHandover = false;
  const lease = active.current.acquire(createHolder());
  await coordinator.request({ trigger: 'api' }).ended;
  steps.before = (step, generation) => (step === 'dispose' && generation === 1 ? gate.pass() : undefined);
  steps.needsHandover = true;
  const { ended } = coordinator.request({ trigger: 'api' });
  lease.release();
  await gate.arrived;
  return { active, ended, gate };
}

describe('a handover', () => {
  test('drains before it swaps, and its record lists the stages in that order', async () => {
    const { steps, active, coordinator } = createHandover();
    const record = await coordinator.request({ trigger: 'api' }).ended;
    expect(steps.stepNames()).toEqual([
      'load',
      'resolve',
      'build',
      'check',
      'prepare',
      'commit',
      'announce',
      'dispose',
    ]);
    expect(record.stages.map(({ name, status }) => `${name} ${status}`)).toEqual([
      'load success',
      'resolve success',
      'build success',
      'check success',
      'drain success',
      'swap success',
      'dispose success',
    ]);
    expect(record).toMatchObject({ status: 'success', requestsDraining: 0, generation: { from: 1, to: 2 } });
    expect(record.database).toMatchObject({ action: 'handover', requestsHeld: 0 });
    expect(active.current.number).toBe(2);
  });

  test('waits for a running call while other calls are served, and reports that it is draining', async () => {
    const { active, coordinator, steps } = createHandover();
    const slow = active.current.acquire(createHolder('tool "slow"'));
    const { ended } = coordinator.request({ trigger: 'api' });
    await vi.waitFor(() => expect(coordinator.status().draining).toBe(true));
    for (let call = 0; call < 10; call += 1) (await active.acquire(createHolder())).release();
    expect(steps.stepNames()).not.toContain('commit');
    slow.release();
    expect(await ended).toMatchObject({ status: 'success', database: { requestsHeld: 0 } });
    expect(coordinator.status().draining).toBe(false);
  });

  test('pauses calls that arrive during the exchange, and serves them from the new generation', async () => {
    const { active, coordinator, steps } = createHandover();
    const gate = createGate();
    steps.source = 'version 2';
    steps.before = (step) => (step === 'commit' ? gate.pass() : undefined);
    const { ended } = coordinator.request({ trigger: 'api' });
    await gate.arrived;
    const held = [active.acquire(createHolder()), active.acquire(createHolder())];
    gate.open();
    for (const lease of await Promise.all(held)) {
      expect(lease.contents).toBe('version 2');
      lease.release();
    }
    const { database } = await ended;
    expect(database).toMatchObject({ action: 'handover', requestsHeld: 2 });
    expect(database?.pauseMs).toBeGreaterThan(0);
  });

  test('that fails in the exchange serves paused calls from the old generation', async () => {
    const { active, coordinator, steps } = createHandover();
    const gate = createGate();
    steps.before = async (step) => {
      if (step !== 'commit') return;
      await gate.pass();
      throw new MxcpError('database_failed', 'not a database');
    };
    const { ended } = coordinator.request({ trigger: 'api' });
    await gate.arrived;
    const held = active.acquire(createHolder());
    gate.open();
    expect((await held).contents).toBe('version 1');
    const record = await ended;
    expect(record).toMatchObject({
      status: 'error',
      error: { stage: 'swap', code: 'database_failed' },
      database: { action: 'handover', requestsHeld: 1 },
      generation: { from: 1, to: null },
    });
    expect(record.stages.map(({ name, status }) => `${name} ${status}`).slice(-3)).toEqual([
      'drain success',
      'swap error',
      'dispose skipped',
    ]);
    expect(steps.disposed).toEqual([2]);
  });

  test('in a dry run stops after the check, and pauses no call', async () => {
    const { coordinator, steps } = createHandover();
    const record = await coordinator.request({ trigger: 'api', dryRun: true }).ended;
    expect(record.status).toBe('success');
    expect(steps.stepNames()).toEqual(['load', 'resolve', 'build', 'check', 'dispose']);
  });

  test('waits for an earlier generation that is still being freed', async () => {
    const { active, ended, gate } = await startWhileFreeing();
    expect(active.current.number).toBe(2);
    gate.open();
    expect(await ended).toMatchObject({ status: 'success', generation: { from: 2, to: 3 } });
  });

  test('reports an earlier generation that is not freed in time', async () => {
    const { ended, gate } = await startWhileFreeing({ drainTimeoutMs: 50 });
    const record = await ended;
    expect(record.error).toMatchObject({
      code: 'drain_timeout',
      message:
        'the database could not be handed over within 0.05 s because an earlier generation is still being freed; reload again later, or raise `--reload-drain-timeout`',
    });
    gate.open();
  });
});

describe('calls that delay a handover', () => {
  test('end a pause in time, and the next attempt succeeds when they have ended', async () => {
    const { active, coordinator, steps } = createHandover({ pauseTimeoutMs: 50 });
    const arrived = createGate();
    const late: { release(): void }[] = [];
    // A slow call that arrives just before the pause: the wait before the pause has not seen it.
    steps.before = (step) => {
      if (step === 'prepare' && late.length === 0) {
        late.push(active.current.acquire(createHolder('tool "late"')));
        void arrived.pass();
      }
    };
    const { ended } = coordinator.request({ trigger: 'api' });
    await arrived.arrived;
    await new Promise((resolve) => setImmediate(resolve));
    // It waits until the pause ends, which the late call does not end.
    const held = await active.acquire(createHolder());
    expect(held.contents).toBe('version 1');
    held.release();
    late[0]?.release();
    const record = await ended;
    expect(record).toMatchObject({ status: 'success', database: { requestsHeld: 1 } });
    expect(record.database?.pauseMs).toBeGreaterThanOrEqual(45);
  });

  test('for too long are named with their start times, and the current generation keeps serving', async () => {
    const { active, coordinator, steps } = createHandover({ drainTimeoutMs: 50 });
    for (let call = 0; call < 7; call += 1) active.current.acquire(createHolder(`tool "slow_${call}"`));
    const record = await coordinator.request({ trigger: 'api' }).ended;
    expect(record).toMatchObject({ status: 'error', error: { stage: 'drain', code: 'drain_timeout' } });
    expect(record.error?.message).toMatch(
      /^the database could not be handed over within 0\.05 s because calls are still running \(tool "slow_0" since \d{4}-\d\d-\d\dT[\d:.]+Z, .*tool "slow_4" since [^,]* and 2 more\); /,
    );
    expect(record.error?.message).toContain('interrupt them with `--force`');
    expect(record.stages.map(({ name, status }) => `${name} ${status}`).slice(-3)).toEqual([
      'drain error',
      'swap skipped',
      'dispose skipped',
    ]);
    (await active.acquire(createHolder())).release();
    expect(steps.disposed).toEqual([2]);
    expect(coordinator.status().draining).toBe(false);
  });

  test('are interrupted by force, and calls that are paused are not', async () => {
    const { active, coordinator } = createHandover();
    const interrupted: string[] = [];
    const leases = ['first', 'second'].map((label) => {
      const lease = active.current.acquire({
        label,
        interrupt: () => {
          interrupted.push(label);
          lease.release();
        },
      });
      return lease;
    });
    expect(leases).toHaveLength(2);
    expect(await coordinator.request({ trigger: 'api', force: true }).ended).toMatchObject({ status: 'success' });
    expect(interrupted).toEqual(['first', 'second']);
  });

  test('of the old generation are interrupted by force in a reload without a pause', async () => {
    const { active, coordinator, steps } = createCoordinator();
    const lease = active.current.acquire({ label: 'slow', interrupt: () => lease.release() });
    expect(await coordinator.request({ trigger: 'api', force: true }).ended).toMatchObject({
      status: 'success',
      requestsDraining: 1,
    });
    expect(steps.disposed).toEqual([1]);
  });

  test('are interrupted when a forced reload arrives while an earlier one waits for them', async () => {
    const { active, coordinator, lines } = createHandover();
    const lease = active.current.acquire({ label: 'tool "slow"', interrupt: () => lease.release() });
    const waiting = coordinator.request({ trigger: 'watch' });
    await vi.waitFor(() => expect(coordinator.status().draining).toBe(true));
    const forced = coordinator.request({ trigger: 'cli', force: true });
    expect(await waiting.ended).toMatchObject({ status: 'success', generation: { from: 1, to: 2 } });
    expect(await forced.ended).toMatchObject({ status: 'success', generation: { from: 2, to: 3 } });
    expect(lines.join('')).toContain('a forced reload is queued behind this one, so calls are interrupted now');
  });

  test('are interrupted by a reload that is queued before a forced one', async () => {
    const { active, coordinator, steps } = createHandover();
    const gate = createGate();
    steps.before = (step, generation) => (step === 'check' && generation === 2 ? gate.pass() : undefined);
    const first = coordinator.request({ trigger: 'api' });
    await gate.arrived;
    const second = coordinator.request({ trigger: 'watch' });
    const forced = coordinator.request({ trigger: 'cli', force: true });
    const interrupted: string[] = [];
    const lease = active.current.acquire({
      label: 'tool "slow"',
      interrupt: () => {
        interrupted.push('on generation 1');
        lease.release();
      },
    });
    steps.before = (step, generation) => {
      if (step !== 'check' || generation !== 3) return;
      const next = active.current.acquire({
        label: 'tool "slow"',
        interrupt: () => {
          interrupted.push('on generation 2');
          next.release();
        },
      });
    };
    gate.open();
    await Promise.all([first.ended, second.ended, forced.ended]);
    expect(interrupted).toEqual(['on generation 1', 'on generation 2']);
    expect(active.current.number).toBe(4);
  });

  test('of the old generation are interrupted by a reload without a pause when a forced one waits for it', async () => {
    const { active, coordinator, steps } = createCoordinator();
    const gate = createGate();
    steps.before = (step, generation) => (step === 'check' && generation === 2 ? gate.pass() : undefined);
    const lease = active.current.acquire({ label: 'slow', interrupt: () => lease.release() });
    const first = coordinator.request({ trigger: 'api' });
    await gate.arrived;
    const forced = coordinator.request({ trigger: 'cli', force: true });
    gate.open();
    expect(await first.ended).toMatchObject({ status: 'success', requestsDraining: 1 });
    await forced.ended;
    expect(steps.disposed).toEqual([1, 2]);
  });

  test('that ignore an interrupt are reported without the advice to use --force', async () => {
    const { active, coordinator } = createHandover({ drainTimeoutMs: 50 });
    active.current.acquire(createHolder('tool "deaf"'));
    const record = await coordinator.request({ trigger: 'api', force: true }).ended;
    expect(record.error).toMatchObject({ code: 'drain_timeout' });
    expect(record.error?.message).toContain('because calls that were interrupted have not ended (tool "deaf" since ');
  });
});

describe('a payload', () => {
  function createPayload() {
    return {
      run: vi.fn(async () => undefined),
      endLockHolder: vi.fn(async () => false),
      release: vi.fn(async () => undefined),
    };
  }

  test('is handed to the steps and released when its reload has ended, however it ended', async () => {
    const { coordinator, steps } = createHandover();
    const [good, bad] = [createPayload(), createPayload()];
    await coordinator.request({ trigger: 'endpoint', payload: good }).ended;
    expect(steps.taken[0]?.context?.payload).toBe(good);
    expect(good.release).toHaveBeenCalledOnce();
    steps.before = (step) => {
      if (step === 'check') throw new MxcpError('endpoint_invalid', 'no');
    };
    await coordinator.request({ trigger: 'endpoint', payload: bad }).ended;
    expect(bad.release).toHaveBeenCalledOnce();
  });

  test('of a request that had not begun when the server closed is released, and did not run', async () => {
    const { coordinator, steps } = createHandover();
    const gate = createGate();
    steps.before = (step) => (step === 'load' ? gate.pass() : undefined);
    void coordinator.request({ trigger: 'api' });
    await gate.arrived;
    const payload = createPayload();
    const { ended } = coordinator.request({ trigger: 'endpoint', payload });
    const closed = coordinator.close();
    gate.open();
    expect(await ended).toMatchObject({ error: { code: 'server_closing' } });
    await closed;
    expect(payload.release).toHaveBeenCalledOnce();
    expect(payload.run).not.toHaveBeenCalled();
  });

  test('of a request that is refused is released too', async () => {
    const { coordinator } = createHandover();
    await coordinator.close();
    const payload = createPayload();
    expect(() => coordinator.request({ trigger: 'endpoint', payload })).toThrow('shutting down');
    expect(payload.release).toHaveBeenCalledOnce();
  });
});

describe('closing', () => {
  test('ends a handover that waits for a call, which then ends on its old generation', async () => {
    const { active, coordinator } = createHandover();
    const lease = active.current.acquire(createHolder('tool "slow"'));
    const { ended } = coordinator.request({ trigger: 'api' });
    await vi.waitFor(() => expect(coordinator.status().draining).toBe(true));
    await coordinator.close();
    expect(await ended).toMatchObject({ status: 'error', error: { code: 'server_closing', stage: 'drain' } });
    lease.release();
  });

  test('lets an exchange that has begun finish', async () => {
    const { active, coordinator, steps } = createHandover();
    const gate = createGate();
    steps.before = (step) => (step === 'commit' ? gate.pass() : undefined);
    const { ended } = coordinator.request({ trigger: 'api' });
    await gate.arrived;
    const closed = coordinator.close();
    gate.open();
    await closed;
    expect(await ended).toMatchObject({ status: 'success' });
    expect(active.current.number).toBe(2);
  });
});
