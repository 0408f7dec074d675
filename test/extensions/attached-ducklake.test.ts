import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { MxcpProcess, runMxcp } from '../e2e/cli/mxcp-process.js';
import { type EngineInstallation, installEngine } from '../kit/engine-installation.js';
import { callText, connectTo } from '../kit/mcp-client.js';
import { PostgresServer } from '../kit/postgres-server.js';
import { createProject, sqlTool, type TemporaryProject } from '../kit/projects/temporary-project.js';
import { startStorage, STORAGE_PACKAGES, type StorageKeys } from './storage-server.js';

let engine: EngineInstallation;
let postgres: PostgresServer;
beforeAll(async () => {
  engine = installEngine(['httpfs', 'postgres_scanner', 'ducklake'], STORAGE_PACKAGES);
  postgres = await PostgresServer.start();
  postgres.sql("CREATE USER app PASSWORD 'first-password'");
  postgres.sql('CREATE DATABASE lake OWNER app');
}, 600_000);
afterAll(() => {
  postgres[Symbol.dispose]();
  engine.dispose();
});

/** A DuckLake with its catalog in Postgres and its files in object storage. */
function createLake({ port, key, secret }: StorageKeys): TemporaryProject {
  const project = createProject({
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: sales',
      'profile: dev',
      'secrets: [catalog, storage]',
      'extensions: [httpfs, postgres, ducklake]',
      'attach:',
      '  - name: lake',
      '    type: ducklake',
      '    path: "postgres:"',
      '    secret: catalog',
      '    readonly: false',
      '    options: { DATA_PATH: s3://sales/lake/ }',
    ],
    'config.yml': [
      'mxcp: 1',
      'projects:',
      '  sales:',
      '    profiles:',
      '      dev:',
      '        secrets:',
      '          - name: catalog',
      '            type: postgres',
      '            parameters:',
      '              HOST: 127.0.0.1',
      `              PORT: ${postgres.port}`,
      '              DATABASE: lake',
      '              USER: app',
      '              PASSWORD: file://secrets/password',
      '          - name: storage',
      '            type: s3',
      '            parameters:',
      '              KEY_ID: file://secrets/key',
      '              SECRET: file://secrets/secret',
      '              REGION: us-east-1',
      `              ENDPOINT: 127.0.0.1:${port}`,
      '              URL_STYLE: path',
      '              USE_SSL: false',
    ],
    'secrets/password': 'first-password',
    'secrets/key': key,
    'secrets/secret': secret,
    'tools/total.yml': sqlTool('total', 'SELECT sum(amount) AS total FROM lake.orders', ['return: { type: number }']),
    'tools/add.yml': sqlTool('add', 'INSERT INTO lake.orders SELECT $amount FROM range($rows)', [
      'parameters: [{ name: amount, type: number }, { name: rows, type: integer }]',
    ]),
  });
  engine.putExtensions(project);
  return project;
}

it('writes and reads a DuckLake, and moves to rotated credentials of its catalog and its storage', async () => {
  const { keys, rotate } = await startStorage(engine);
  const project = createLake(keys);
  const options = {
    cwd: project.root,
    launcher: engine.launcher,
    env: { ...process.env, HOME: project.root, MXCP_CONFIG: project.path('config.yml') },
  };
  const create = await runMxcp(['query', 'CREATE TABLE IF NOT EXISTS lake.orders (amount DOUBLE)'], options);
  expect(create).toMatchObject({ code: 0 });
  const server = new MxcpProcess(['serve', '--port', '0', '--admin-socket', project.socketPath], options);
  onTestFinished(async () => {
    server.kill('SIGTERM');
    await server.ended;
  });
  const client = await connectTo(await server.url());
  onTestFinished(() => client.close());
  // More rows than a catalog keeps inline, so that a file is written.
  await callText(client, 'add', { amount: 0.5, rows: 1000 });
  expect(await callText(client, 'total')).toBe('500');
  expect(postgres.sql('SELECT count(*) FROM ducklake_data_file', 'lake')).toBe('1');

  const replaced = await rotate();
  postgres.sql("ALTER USER app PASSWORD 'second-password'");
  project.write('secrets/password', 'second-password');
  project.write('secrets/key', replaced.key);
  project.write('secrets/secret', replaced.secret);
  for (const generation of [2, 3, 4]) {
    const reload = await runMxcp(['admin', 'reload', '--socket', project.socketPath], options);
    expect(reload).toMatchObject({ code: 0, stdout: expect.stringContaining(`-> ${generation}`) });
    await callText(client, 'add', { amount: 0.5, rows: 1000 });
    expect(await callText(client, 'total')).toBe(String(500 * generation));
  }
  expect(server.stderr).not.toMatch(/-password/);
});
