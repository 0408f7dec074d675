import * as fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ActiveGeneration, Generation, type Pause, type Lease } from '../../../src/lifecycle/index.js';

function createGeneration(number: number) {
  return new Generation(number, `contents ${number}`, async () => undefined);
}

function createActive() {
  return new ActiveGeneration(createGeneration(1));
}

function holder(label = 'tool "price"') {
  return { label, interrupt: () => undefined };
}

async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  // Long enough for every chain of promises that is under way.
  await new Promise((resolve) => setImmediate(resolve));
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('a pause', () => {
  test('keeps new leases waiting until it is released, and counts them', async () => {
    const active = createActive();
    const pause = active.pause();
    const [first, second] = [active.acquire(holder()), active.acquire(holder())];
    expect(await hasSettled(Promise.race([first, second]))).toBe(false);
    expect(active.current.activeLeases).toBe(0);
    pause.release();
    expect((await first).generation.number).toBe(1);
    expect((await second).generation.number).toBe(1);
    expect(pause.requestsHeld).toBe(2);
    expect((await active.acquire(holder())).contents).toBe('contents 1');
    expect(pause.requestsHeld).toBe(2);
  });

  test('that ends with a swap gives leases on the new generation', async () => {
    const active = createActive();
    const pause = active.pause();
    const waiting = active.acquire(holder());
    active.swap(createGeneration(2));
    pause.release();
    expect((await waiting).contents).toBe('contents 2');
  });

  test('drops a call whose client disconnects, and leaves no lease behind', async () => {
    const active = createActive();
    const pause = active.pause();
    const caller = new AbortController();
    const waiting = active.acquire(holder(), caller.signal);
    caller.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    pause.release();
    expect(active.current.activeLeases).toBe(0);
    await expect(createActive().pause().wait(holder(), caller.signal)).rejects.toThrow('gone');
  });

  test('has given every lease when its release returns, so that no call waits for two pauses in a row', async () => {
    const active = createActive();
    const pause = active.pause();
    const waiting = active.acquire(holder());
    pause.release();
    expect(active.leases.map(({ label }) => label)).toEqual(['tool "price"']);
    active.pause();
    expect(await hasSettled(waiting)).toBe(true);
  });

  test('keeps its duration after the release', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const pause = createActive().pause();
    vi.advanceTimersByTime(5);
    expect(pause.durationMs).toBe(5);
    vi.advanceTimersByTime(2);
    pause.release();
    vi.advanceTimersByTime(5);
    pause.release();
    expect(pause.durationMs).toBe(7);
  });

  test('is the only one', () => {
    const active = createActive();
    active.pause();
    expect(() => active.pause()).toThrow('calls are paused already');
  });

  test('makes a lease unavailable to callers that do not want to wait', () => {
    const active = createActive();
    const lease = active.tryAcquire(holder());
    expect(lease?.contents).toBe('contents 1');
    const pause = active.pause();
    expect(active.tryAcquire(holder())).toBeUndefined();
    expect(pause.requestsHeld).toBe(0);
    pause.release();
    expect(active.tryAcquire(holder())).toBeDefined();
  });
});

describe('the end of leases', () => {
  test('covers the leases held now, on every generation', async () => {
    const active = createActive();
    const old = active.current.acquire(holder());
    active.swap(createGeneration(2));
    const now = active.current.acquire(holder());
    const ended = active.leasesEnded();
    const later = active.current.acquire(holder());
    now.release();
    expect(await hasSettled(ended)).toBe(false);
    old.release();
    await ended;
    expect(active.current.activeLeases).toBe(1);
    later.release();
    await active.leasesEnded();
  });

  test('is waited for until the signal aborts', async () => {
    const active = createActive();
    const lease = active.current.acquire(holder());
    const patience = new AbortController();
    const ended = active.leasesEnded(patience.signal);
    patience.abort(new Error('too long'));
    await expect(ended).rejects.toThrow('too long');
    lease.release();
  });

  test('can be caused by interrupting the holders', () => {
    const active = createActive();
    const interrupted: string[] = [];
    for (const label of ['first', 'second'])
      active.current.acquire({ label, interrupt: () => interrupted.push(label) });
    expect(active.leases.map(({ label, since }) => [label, since instanceof Date])).toEqual([
      ['first', true],
      ['second', true],
    ]);
    for (const lease of active.leases) lease.interrupt();
    expect(interrupted).toEqual(['first', 'second']);
  });
});

/** `at` says which call ends or leaves, where it is one of them. */
interface Action {
  readonly kind: 'call' | 'pause' | 'release' | 'swap' | 'end' | 'leave';
  readonly at: number;
}

const kind = fc.constantFrom<Action['kind'][]>('call', 'call', 'call', 'pause', 'release', 'swap', 'end', 'leave');
const action: fc.Arbitrary<Action> = fc.record({ kind, at: fc.nat(9) });

/** Every call of one run, and what has become of it. */
class Calls {
  readonly running: Lease<string>[] = [];
  readonly waiting: { readonly leave: AbortController; readonly outcome: Promise<unknown> }[] = [];
  refused = 0;

  start(active: ActiveGeneration<string>): void {
    const leave = new AbortController();
    const outcome = active.acquire(holder(), leave.signal).then(
      (lease) => this.running.push(lease),
      () => (this.refused += 1),
    );
    this.waiting.push({ leave, outcome });
  }
}

describe('in whatever order calls, pauses and swaps come', () => {
  test('no lease is given during a pause, none is lost, and every call is served in the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 80 }), async (actions) => {
        const active = createActive();
        const calls = new Calls();
        let pause: Pause<string> | undefined;
        let number = 1;
        let started = 0;
        for (const step of actions) {
          const before = active.leases.length;
          if (step.kind === 'call') {
            calls.start(active);
            started += 1;
          } else if (step.kind === 'pause') pause ??= active.pause();
          else if (step.kind === 'release') {
            pause?.release();
            pause = undefined;
          } else if (step.kind === 'swap') active.swap(createGeneration((number += 1)));
          else if (step.kind === 'end') calls.running.splice(step.at, 1)[0]?.release();
          else calls.waiting[step.at]?.leave.abort();
          if (pause !== undefined) expect(active.leases.length).toBeLessThanOrEqual(before);
          await new Promise((resolve) => setImmediate(resolve));
          const held = calls.running.filter(({ generation }) => generation.activeLeases > 0).length;
          expect(active.leases.length).toBe(held);
        }
        pause?.release();
        await Promise.all(calls.waiting.map(({ outcome }) => outcome));
        for (const lease of calls.running) lease.release();
        await active.leasesEnded();
        expect(active.leases).toEqual([]);
        expect(calls.waiting).toHaveLength(started);
      }),
      { numRuns: 60 },
    );
  });
});
