import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ActiveGeneration, EventLoopBudget, Generation, type Lease } from '../../../src/lifecycle/index.js';

const HOLDER = { label: 'a call', interrupt: () => undefined };

function createGeneration(number = 1, dispose: () => Promise<void> = async () => undefined) {
  return new Generation(number, `contents ${number}`, dispose);
}

async function hasSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending');
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending;
}

describe('a generation', () => {
  test('hands out its contents', () => {
    const generation = createGeneration();
    const lease = generation.acquire(HOLDER);
    expect(lease.contents).toBe('contents 1');
    expect(lease.generation).toBe(generation);
  });

  test('counts a lease until it is released, once', () => {
    const generation = createGeneration();
    const [first, second] = [generation.acquire(HOLDER), generation.acquire(HOLDER)];
    expect(generation.activeLeases).toBe(2);
    first.release();
    first.release();
    expect(generation.activeLeases).toBe(1);
    second.release();
    expect(generation.activeLeases).toBe(0);
  });

  test('gives no lease once it is retired', () => {
    const generation = createGeneration(7);
    generation.retire();
    expect(() => generation.acquire(HOLDER)).toThrow('generation 7 is retired');
    expect(generation.activeLeases).toBe(0);
  });

  test('is drained when the last lease is released, for everyone who waits', async () => {
    const generation = createGeneration();
    const lease = generation.acquire(HOLDER);
    generation.retire();
    const waiters = [generation.leasesEnded(), generation.leasesEnded()];
    expect(await hasSettled(Promise.race(waiters))).toBe(false);
    lease.release();
    await Promise.all(waiters);
  });

  test('is drained at once without leases', async () => {
    const generation = createGeneration();
    generation.retire();
    await generation.leasesEnded();
  });

  test('is disposed once, and every caller gets its failure', async () => {
    let count = 0;
    const generation = createGeneration(1, async () => {
      count += 1;
      throw new Error('stuck');
    });
    const outcomes = await Promise.allSettled([generation.dispose(), generation.dispose()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(count).toBe(1);
  });
});

describe('the active generation', () => {
  test('is the new one from the swap on, and the old one is retired', () => {
    const [first, second] = [createGeneration(1), createGeneration(2)];
    const active = new ActiveGeneration(first);
    const lease = active.tryAcquire(HOLDER);
    expect(active.swap(second)).toBe(first);
    expect(active.current).toBe(second);
    expect(active.tryAcquire(HOLDER)?.generation).toBe(second);
    expect(lease?.generation).toBe(first);
    expect(first.activeLeases).toBe(1);
    expect(() => first.acquire(HOLDER)).toThrow('retired');
  });

  test('never gives a lease on a retired generation and loses none, in whatever order calls and swaps come', () => {
    const step = fc.oneof(fc.constant('acquire'), fc.constant('swap'), fc.nat(20));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const active = new ActiveGeneration(createGeneration(1));
        const generations = [active.current];
        const held: Lease<string>[] = [];
        for (const action of steps) {
          if (action === 'acquire') held.push(active.current.acquire(HOLDER));
          else if (action === 'swap') {
            active.swap(createGeneration(generations.length + 1));
            generations.push(active.current);
          } else if (typeof action === 'number') held.splice(action, 1)[0]?.release();
        }
        for (const generation of generations) {
          const expected = held.filter((lease) => lease.generation === generation).length;
          expect(generation.activeLeases).toBe(expected);
        }
      }),
    );
  });
});

describe('the event loop budget', () => {
  test('lets other work run once it is spent', async () => {
    const budget = new EventLoopBudget();
    expect(budget.isSpent).toBe(false);
    let hasRun = false;
    setImmediate(() => {
      hasRun = true;
    });
    const start = performance.now();
    while (!budget.isSpent) expect(performance.now() - start).toBeLessThan(1000);
    await budget.spend();
    expect(hasRun).toBe(true);
    expect(budget.isSpent).toBe(false);
  });

  test('is one for all: what one spends, another does not have', async () => {
    const first = new EventLoopBudget();
    const second = new EventLoopBudget();
    const start = performance.now();
    while (!first.isSpent) expect(performance.now() - start).toBeLessThan(1000);
    expect(second.isSpent).toBe(true);
    const order: string[] = [];
    const work = async (name: string, budget: EventLoopBudget): Promise<void> => {
      for (let step = 0; step < 2; step += 1) {
        await budget.renew();
        order.push(name);
      }
    };
    await Promise.all([work('a', first), work('b', second)]);
    expect(order).toEqual(['a', 'b', 'a', 'b']);
  });

  test('continues at once while some is left', async () => {
    const budget = new EventLoopBudget();
    let hasRun = false;
    setImmediate(() => {
      hasRun = true;
    });
    await budget.spend();
    expect(hasRun).toBe(false);
  });
});
