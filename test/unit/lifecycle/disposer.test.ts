import { describe, expect, test } from 'vitest';
import { Disposer } from '../../../src/lifecycle/index.js';

describe('a disposer', () => {
  test('frees in the reverse of the order in which things were added', async () => {
    const freed: string[] = [];
    const disposer = new Disposer();
    disposer.defer(() => void freed.push('first'));
    const owned = disposer.own({ dispose: async () => void freed.push('second') });
    await disposer.dispose();
    expect(freed).toEqual(['second', 'first']);
    expect(owned).toHaveProperty('dispose');
  });

  test('waits for each step before the next', async () => {
    const events: string[] = [];
    const disposer = new Disposer();
    disposer.defer(() => void events.push('last'));
    disposer.defer(async () => {
      await Promise.resolve();
      events.push('slow step');
    });
    await disposer.dispose();
    expect(events).toEqual(['slow step', 'last']);
  });

  test('runs every step, also after failures, and throws them together', async () => {
    const disposer = new Disposer();
    let isFreed = false;
    disposer.defer(() => {
      isFreed = true;
    });
    disposer.defer(() => {
      throw new Error('at once');
    });
    disposer.defer(() => Promise.reject(new Error('later')));
    const failure: unknown = await disposer.dispose().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AggregateError);
    expect(failure).toMatchObject({ errors: [new Error('later'), new Error('at once')] });
    expect(isFreed).toBe(true);
  });

  test('frees once, however often and at the same time it is asked', async () => {
    let count = 0;
    const disposer = new Disposer();
    disposer.defer(() => {
      count += 1;
    });
    await Promise.all([disposer.dispose(), disposer.dispose()]);
    await disposer.dispose();
    expect(count).toBe(1);
  });

  test('takes nothing more once it is disposed', async () => {
    const disposer = new Disposer();
    await disposer.dispose();
    expect(() => disposer.defer(() => undefined)).toThrow('already disposed');
  });
});
