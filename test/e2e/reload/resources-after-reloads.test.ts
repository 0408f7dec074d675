import { readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { failedReload } from '../../integration/reloads/failed-reload.js';
import { RELOAD_FAULTS } from '../../integration/reloads/reload-faults.js';
import { createShopProject } from '../../kit/projects/shop.js';
import { ChildServer } from '../../kit/child-server.js';
import { resourcesOf } from '../../kit/process-resources.js';

/** The kinds of descriptors of which there are more than before. A replaced database counts by its name. */
function grown(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): string[] {
  return Object.keys(after).filter((kind) => (after[kind] ?? 0) > (before[kind] ?? 0));
}

describe('a server that went through every fault of a reload', () => {
  it.each(['readonly', 'readwrite'] as const)(
    'holds the files, threads and temporary files it began with (%s)',
    async (mode) => {
      using project = await createShopProject(mode);
      const temporary = project.path('tmp');
      project.write('tmp/.keep', '');
      await using server = await ChildServer.start(project, {
        args: ['--env-file', 'shop.env'],
        env: { TMPDIR: temporary },
      });
      const faults = RELOAD_FAULTS.filter(({ database = 'readonly' }) => database === mode);
      const goThrough = async (): Promise<void> => {
        for (const { damage, fix, definitions = false } of faults) {
          await damage(project);
          await failedReload(server, { definitions });
          await failedReload(server, { definitions, dryRun: true });
          await fix(project);
          await server.admin.reload({ waitMs: 20_000, definitions });
        }
      };
      // The first time around, threads of the pool and caches come to life that are meant to stay.
      await goThrough();
      const before = resourcesOf(server.pid);
      const filesBefore = readdirSync(project.root, { recursive: true }).sort();

      await goThrough();
      await goThrough();

      await vi.waitFor(() => {
        const after = resourcesOf(server.pid);
        // More of a kind is a leak; fewer only says that a connection of this test has been closed since.
        expect(grown(before.descriptors, after.descriptors)).toEqual([]);
        expect(after.threads).toBeLessThanOrEqual(before.threads);
      });
      expect(readdirSync(project.root, { recursive: true }).sort()).toEqual(filesBefore);
      expect(readdirSync(temporary)).toEqual(['.keep']);
      expect((await server.admin.status()).reload).toMatchObject({ in_progress: false, draining: false, queued: 0 });
    },
  );
});
