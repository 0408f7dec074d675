import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ListNotices } from '../../../src/mcp/notices.js';
import type { ListChanges } from '../../../src/mcp/index.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function record() {
  const sent: { readonly at: number; readonly changes: ListChanges }[] = [];
  const notices = new ListNotices(
    async (changes) => {
      sent.push({ at: performance.now(), changes });
    },
    () => undefined,
  );
  return { sent, notices };
}

describe('notices of changed lists', () => {
  it('go out at once, and those that follow soon after as one', () => {
    const { sent, notices } = record();
    notices.announce({ tools: true });
    expect(sent).toHaveLength(1);
    notices.announce({ tools: true, prompts: false });
    notices.announce({ prompts: true });
    expect(sent).toHaveLength(1);
    vi.advanceTimersByTime(500);
    expect(sent.map(({ changes }) => changes)).toEqual([
      { tools: true },
      { tools: true, resources: false, prompts: true },
    ]);
    vi.advanceTimersByTime(10_000);
    notices.announce({ resources: true });
    expect(sent).toHaveLength(3);
  });

  it('are never closer than half a second, and none is lost', () => {
    const lists = fc.constantFrom<keyof ListChanges>('tools', 'resources', 'prompts');
    const steps = fc.array(fc.record({ waitMs: fc.integer({ min: 0, max: 1500 }), list: lists }), { maxLength: 50 });
    fc.assert(
      fc.property(steps, (burst) => {
        const { sent, notices } = record();
        const announced = burst.map(({ waitMs, list }) => {
          vi.advanceTimersByTime(waitMs);
          notices.announce({ [list]: true });
          return { list, at: performance.now() };
        });
        vi.advanceTimersByTime(500);
        for (const { list, at } of announced)
          expect(sent.some((notice) => notice.changes[list] === true && notice.at >= at && notice.at <= at + 500)).toBe(
            true,
          );
        for (const [index, { at }] of sent.entries())
          expect(at - (sent[index - 1]?.at ?? -Infinity)).toBeGreaterThanOrEqual(500);
        vi.advanceTimersByTime(10_000);
      }),
    );
  });

  it('report a client that cannot be notified', async () => {
    const failure = vi.fn();
    const notices = new ListNotices(() => Promise.reject(new Error('gone')), failure);
    notices.announce({ tools: true });
    await vi.advanceTimersByTimeAsync(0);
    expect(failure).toHaveBeenCalledWith(new Error('gone'));
  });
});
