import { readdirSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { failedReload } from '../../integration/reloads/failed-reload.js';
import { createShop } from '../../kit/projects/shop.js';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { canBeOrdinary, ordinaryUserCommand } from '../../kit/ordinary-user.js';
import { sqlTool, TemporaryProject } from '../../kit/projects/temporary-project.js';

const DATABASE = 'data/shop.duckdb';

async function createProject(): Promise<TemporaryProject> {
  const project = new TemporaryProject({
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'profiles:',
      '  dev:',
      `    duckdb: { path: ${DATABASE} }`,
    ],
    'tools/price.yml': sqlTool('price', 'SELECT price FROM item', ['return: { type: integer }']),
    'data/.keep': '',
  });
  await createShop(project.path(DATABASE), 1);
  onTestFinished(() => {
    project.chmod('data', 0o755);
    project[Symbol.dispose]();
  });
  return project;
}

async function serve(project: TemporaryProject) {
  const server = await ChildServer.start(project, { begin: ordinaryUserCommand() });
  onTestFinished(() => server[Symbol.asyncDispose]());
  const client = await connectTo(server.url);
  onTestFinished(() => client.close());
  return { server, price: () => callText(client, 'price') };
}

describe.runIf(canBeOrdinary)('a read-write database that this user may not write', () => {
  it.each([
    [
      0o400,
      'write to it; open it read-only (`--readonly`, or `readonly: true` beside `duckdb.path`), or let this user write to it and its folder',
    ],
    [0o200, 'read it; let this user read and write it'],
  ])('is refused by the check of a reload, while the old one is open and stays so (mode %o)', async (mode, what) => {
    const project = await createProject();
    const { server, price } = await serve(project);
    await createShop(project.path('data/next.duckdb'), 2);
    project.chmod('data/next.duckdb', mode);
    project.rename('data/next.duckdb', DATABASE);
    const { record } = await failedReload(server);
    expect(record).toMatchObject({ error: { stage: 'check', code: 'database_failed' }, database: { pause_ms: 0 } });
    expect(record.error?.message).toBe(
      `cannot open database ${project.path(DATABASE)}: this user has no permission to ${what}`,
    );
    expect(readdirSync(project.path('data')).filter((name) => name.includes('earlier'))).toEqual([]);
    expect(await price()).toBe('1');
    project.chmod(DATABASE, 0o600);
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
    expect(await price()).toBe('2');
  });

  it('is refused in a folder that has become read-only, which is said to be the reason', async () => {
    const project = await createProject();
    const { server, price } = await serve(project);
    await createShop(project.path('data/next.duckdb'), 2);
    project.rename('data/next.duckdb', DATABASE);
    project.chmod('data', 0o555);
    const { record } = await failedReload(server);
    expect(record.error).toMatchObject({ stage: 'check', code: 'database_failed' });
    expect(record.error?.message).toBe(
      `database ${project.path(DATABASE)} cannot be handed over while the server runs: this user cannot write to its folder (EACCES: permission denied, access '${project.path('data')}'), where the old file needs a second name; let the user that runs mxcp write to it`,
    );
    expect(await price()).toBe('1');
    project.chmod('data', 0o755);
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
    expect(await price()).toBe('2');
  });

  it('is refused at a start, with the same words', async () => {
    const project = await createProject();
    project.chmod(DATABASE, 0o400);
    const server = ChildServer.spawn(project, { begin: ordinaryUserCommand() });
    expect(await server.ended).toBe(3);
    expect(server.stderr).toContain('this user has no permission to write to it');
    expect(server.stderr).toContain('open it read-only (`--readonly`, or `readonly: true`');
  });
});
