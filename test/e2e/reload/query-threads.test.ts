import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it, vi } from 'vitest';
import { ChildServer } from '../../kit/child-server.js';
import { createShopProject } from '../../kit/projects/shop.js';

/** The nice value of each thread of a process, by thread (proc(5): field 19 of `stat`). */
function niceValues(pid: number): Map<number, number> {
  const threads = readdirSync(`/proc/${pid}/task`).map(Number);
  return new Map(
    threads.map((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return [thread, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])];
    }),
  );
}

it.runIf(existsSync('/proc/self/task'))('threads that run queries give way to the event loop', async () => {
  using project = await createShopProject('readonly');
  await using server = await ChildServer.start(project, { args: ['--env-file', 'shop.env'] });
  const expectLowered = (): void => {
    const values = niceValues(server.pid);
    expect(values.get(server.pid)).toBe(0);
    expect([...values.values()].filter((value) => value === 10).length).toBeGreaterThan(16);
    // The engine's own few threads collect garbage; they must not wait behind queries.
    expect([...values.values()].filter((value) => value === 0).length).toBeLessThan(16);
  };
  await vi.waitFor(expectLowered);
  expect((await server.admin.reload({ waitMs: 30_000 })).status).toBe('success');
  await vi.waitFor(expectLowered);
});
