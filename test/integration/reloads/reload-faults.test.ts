import { describe, expect, it } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import { countOpen } from '../../kit/process-resources.js';
import type { TemporaryProject } from '../../kit/projects/temporary-project.js';
import { failedReload } from './failed-reload.js';
import { observeAnswers } from '../observing/observed-answers.js';
import { RELOAD_FAULTS } from './reload-faults.js';
import { startShop } from '../../kit/projects/shop.js';

const TOOLS = ['price', 'secrets'];

function positionOf({ error }: ReloadRecord, project: TemporaryProject): string | undefined {
  if (error === null || error.file === null) return undefined;
  const { file, line, column } = error;
  return [file.replace(`${project.root}/`, ''), line, column].filter((part) => part !== null).join(':');
}

describe.each(RELOAD_FAULTS.map((fault) => [fault.what, fault] as const))('%s', (_what, fault) => {
  const { definitions = false, stage, code, at, says } = fault;

  it(`fails the reload at ${stage}, changes no answer, and the next good reload recovers`, async () => {
    const { project, server } = await startShop(fault.database ?? 'readonly');
    const before = await observeAnswers(server, TOOLS);
    const openBefore = countOpen('self', project.path('shop.duckdb'));
    await fault.damage(project);

    const { status: httpStatus, record, message } = await failedReload(server, { definitions });

    expect(httpStatus).toBe(500);
    expect(record.error).toMatchObject({ stage, code });
    expect(positionOf(record, project)).toBe(at);
    for (const text of says) expect(record.error?.message).toContain(text);
    expect(message).toContain(`reload failed at stage ${stage}, nothing changed`);
    for (const text of says) expect(message).toContain(text);
    expect(record.generation).toEqual({ from: 1, to: null });
    const stages = record.stages.map(({ name, status }) => `${name} ${status}`);
    expect(stages).toContain(`${stage} error`);
    expect(stages).toEqual(expect.arrayContaining(['drain skipped', 'dispose skipped']));
    expect(await observeAnswers(server, TOOLS)).toBe(before);

    await fault.fix(project);
    const recovered = await server.admin.reload({ waitMs: 20_000, definitions });

    expect(recovered).toMatchObject({ status: 'success', generation: { from: 1, to: 2 }, error: null });
    expect((await server.admin.status()).generation).toBe(2);
    expect((await server.admin.config()).last_rejected).toBeNull();
    expect(countOpen('self', project.path(''))).toBe(openBefore);
  });

  it('fails a dry run the same way, which leaves no trace but its record', async () => {
    const { project, server } = await startShop(fault.database ?? 'readonly');
    await fault.damage(project);
    const { record } = await failedReload(server, { definitions, dryRun: true });
    expect(record.error).toMatchObject({ stage, code });
    expect((await server.admin.status()).reload).toMatchObject({ last_reload: null, last_reload_status: null });
    expect((await server.admin.config()).last_rejected).toBeNull();
  });
});
