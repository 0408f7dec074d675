import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import type { InProcessServer } from '../../kit/in-process-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { createProject, pythonTool, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { failedReload } from './failed-reload.js';
import { PATIENCE } from './reload-by-itself.js';
import { callFor, callOnce, startPython } from '../../kit/projects/python-server.js';

const RELOAD = { waitMs: 20_000 } as const;

/** Says which code, environment, configuration and secret it runs with, and writes down when hooks run. */
const shop = (version: number) => [
  'import os, time',
  'from mxcp.runtime import config, db, on_init, on_shutdown',
  `VERSION = ${version}`,
  'started = []',
  '',
  'def note(text):',
  '    with open(os.environ["NOTES"], "a") as notes:',
  '        notes.write("%s of %d\\n" % (text, VERSION))',
  '',
  '@on_init',
  'def begin():',
  '    started.append(db.execute("SELECT 42 AS answer")[0]["answer"])',
  '    note("begin")',
  '',
  '@on_shutdown',
  'async def end():',
  '    db.execute("SELECT 1")',
  '    note("end")',
  '',
  'def shop():',
  '    return {',
  '        "code": VERSION, "started": started, "env": os.environ["STAGE"],',
  '        "secret": config.get_secret("api")["key"], "setting": config.get_setting("secrets"),',
  '    }',
  '',
  'def slow(until):',
  '    while not os.path.exists(until):',
  '        time.sleep(0.01)',
  '    import helper',
  '    return [VERSION, helper.VERSION]',
];

const userConfig = (key: string) => [
  'mxcp: 1',
  `projects: { shop: { profiles: { dev: { secrets: [{ name: api, type: python, parameters: { key: ${key} } }] } } } }`,
];

function createShop(): TemporaryProject {
  const project = createProject({
    'config.yml': userConfig('first-key-of-the-api'),
    'a.env': 'STAGE=first\n',
    'python/shop.py': shop(1),
    'helper.py': 'VERSION = 1\n',
    'tools/shop.yml': pythonTool('shop', 'python/shop.py'),
    'tools/slow.yml': pythonTool('slow', 'python/shop.py', ['parameters: [{ name: until, type: string }]']),
  });
  project.write('notes', '');
  return project;
}

function startShop(project: TemporaryProject): Promise<InProcessServer> {
  return startPython(project, { env: { MXCP_ENV_FILE: project.path('a.env'), NOTES: project.path('notes') } });
}

const notesOf = (project: TemporaryProject): readonly string[] =>
  readFileSync(project.path('notes'), 'utf8').split('\n').filter(Boolean);

describe('a reload of a project with Python code', () => {
  it('gives it fresh code, hooks, environment and configuration', async () => {
    const project = createShop();
    const server = await startShop(project);
    expect(await callFor(server, 'shop')).toEqual({
      code: 1,
      started: [42],
      env: 'first',
      secret: 'first-key-of-the-api',
      setting: null,
    });
    project.write('python/shop.py', shop(2));
    project.write('a.env', 'STAGE=second\n');
    project.write('config.yml', userConfig('second-key-of-the-api'));
    project.write('mxcp-site.yml', ['mxcp: 1', 'project: shop', 'profile: dev', 'secrets: [api]']);
    // Nothing of it is seen before the reload.
    expect(await callFor(server, 'shop')).toMatchObject({ code: 1, env: 'first' });

    const record = await server.admin.reload(RELOAD);

    expect(record.status).toBe('success');
    expect(await callFor(server, 'shop')).toEqual({
      code: 2,
      started: [42],
      env: 'second',
      secret: 'second-key-of-the-api',
      setting: ['api'],
    });
    await vi.waitFor(() => expect(notesOf(project)).toEqual(['begin of 1', 'begin of 2', 'end of 1']), PATIENCE);
  });

  it('lets a call that began on the old code end on it, with all it imports meanwhile', async () => {
    const project = createShop();
    const server = await startShop(project);
    const client = await connectTo(server.url);
    const running = callText(client, 'slow', { until: project.path('now') });
    await vi.waitFor(async () => expect((await server.admin.status()).reload.active_requests).toBe(1), PATIENCE);
    project.write('python/shop.py', shop(2));
    project.write('helper.py', 'VERSION = 2\n');
    expect((await server.admin.reload(RELOAD)).requests_draining).toBe(1);
    expect(await callFor(server, 'shop')).toMatchObject({ code: 2 });
    expect(notesOf(project)).not.toContain('end of 1');
    project.write('now', '');
    expect(await running).toBe('11');
    // Only after its last call.
    await vi.waitFor(() => expect(notesOf(project)).toContain('end of 1'), PATIENCE);
    await client.close();
  });

  it('is refused when the code cannot be imported, by file and line, and the old code stays active', async () => {
    const project = createShop();
    const server = await startShop(project);
    project.write('python/shop.py', ['VERSION = 2', 'import nowhere_to_be_found']);
    const { record } = await failedReload(server);
    expect(record.error).toMatchObject({
      code: 'endpoint_invalid',
      stage: 'check',
      file: 'python/shop.py',
      line: 2,
      message: expect.stringContaining(
        "python/shop.py:2: cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
      ),
    });
    expect(await callFor(server, 'shop')).toMatchObject({ code: 1 });
    expect(notesOf(project)).toEqual(['begin of 1']);
  });

  it('is refused when an on_init hook fails, by file and line, and the hooks of the old code have not run', async () => {
    const project = createShop();
    const server = await startShop(project);
    const broken = [...shop(2), '', '@on_init', 'def fail():', '    raise RuntimeError("the model is not there")'];
    project.write('python/shop.py', broken);
    const { record } = await failedReload(server);
    expect(record.error).toMatchObject({
      code: 'python_failed',
      stage: 'check',
      file: 'python/shop.py',
      line: broken.length,
      message: expect.stringContaining('RuntimeError: the model is not there'),
    });
    expect(await callFor(server, 'shop')).toMatchObject({ code: 1 });
    expect(notesOf(project)).not.toContain('end of 1');
  });

  it('sees code that no longer fits the endpoint files, and says what to do when both have changed', async () => {
    const project = createShop();
    const server = await startShop(project);
    project.write(
      'python/shop.py',
      shop(2).map((line) => line.replace('def shop():', 'def shop(currency):')),
    );
    project.write(
      'tools/shop.yml',
      pythonTool('shop', 'python/shop.py', ['parameters: [{ name: currency, type: string }]']),
    );
    const { record } = await failedReload(server);
    expect(record.error?.message).toContain('shop() needs currency, which the endpoint does not declare');
    expect(record.error?.message).toContain('reload with definitions');
    expect(record.definitions_changed).toEqual(['tools/shop.yml: changed']);
    expect((await server.admin.reload({ ...RELOAD, definitions: true })).status).toBe('success');
    expect(await callFor(server, 'shop', { currency: 'EUR' })).toMatchObject({ code: 2 });
  });

  it('does not take a Python file that has changed for a changed definition', async () => {
    const project = createShop();
    const server = await startShop(project);
    project.write('python/shop.py', shop(2));
    expect((await server.admin.reload(RELOAD)).definitions_changed).toEqual([]);
  });

  it('checks the code on a dry run, and runs none of its hooks', async () => {
    const project = createShop();
    const server = await startShop(project);
    project.write('python/shop.py', shop(2));
    expect((await server.admin.reload({ ...RELOAD, dryRun: true })).status).toBe('success');
    project.write('python/shop.py', 'def shop(:\n');
    expect((await failedReload(server, { dryRun: true })).record.error).toMatchObject({
      file: 'python/shop.py',
      line: 1,
    });
    expect(await callFor(server, 'shop')).toMatchObject({ code: 1 });
    expect(notesOf(project)).toEqual(['begin of 1']);
  });

  it('starts Python for a project that had none, and ends it with the last code', async () => {
    const project = createProject({ 'tools/a.yml': sqlTool('a', 'SELECT 1 AS one') });
    const server = await startPython(project);
    project.write('python/b.py', 'def b():\n    return "b"\n');
    project.write('tools/b.yml', pythonTool('b', 'python/b.py'));
    await server.admin.reload({ ...RELOAD, definitions: true });
    expect(await callOnce(server, 'b')).toBe('b');
    project.remove('tools/b.yml');
    project.remove('python');
    await server.admin.reload({ ...RELOAD, definitions: true });
    expect((await server.admin.ready()).checks.map(({ name }) => name)).not.toContain('python');
    expect(await callFor(server, 'a')).toEqual({ result: [{ one: 1 }] });
  });

  it('is asked for by reload_duckdb(), and then has the trigger endpoint', async () => {
    const server = await startPython(
      createProject({
        'python/refresh.py': [
          'from mxcp.runtime import reload_duckdb',
          'def refresh():',
          '    reload_duckdb(description="new prices")',
          '    return "asked"',
        ],
        'tools/refresh.yml': pythonTool('refresh', 'python/refresh.py'),
      }),
    );
    expect(await callOnce(server, 'refresh')).toBe('asked');
    await vi.waitFor(async () => {
      const { reloads } = await server.admin.reloads();
      expect(reloads[0]).toMatchObject({ trigger: 'endpoint', status: 'success' });
    }, PATIENCE);
  });
});
