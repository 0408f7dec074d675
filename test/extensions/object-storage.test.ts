import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { MxcpProcess, runMxcp } from '../e2e/cli/mxcp-process.js';
import { type EngineInstallation, installEngine } from '../kit/engine-installation.js';
import { callText, connectTo } from '../kit/mcp-client.js';
import { type StorageKeys as Keys, startStorage, STORAGE_PACKAGES } from './storage-server.js';
import { createProject, sqlTool, type TemporaryProject } from '../kit/projects/temporary-project.js';

let engine: EngineInstallation;
beforeAll(() => {
  engine = installEngine(['httpfs'], STORAGE_PACKAGES);
}, 600_000);
afterAll(() => engine.dispose());

function writeKeys(project: TemporaryProject, { key, secret }: Keys): void {
  project.write('secrets/key', key);
  project.write('secrets/secret', secret);
}

function createSales(keys: Keys): TemporaryProject {
  const project = createProject({
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: sales',
      'profile: dev',
      'secrets: [storage]',
      'extensions: [httpfs, parquet]',
    ],
    'config.yml': [
      'mxcp: 1',
      'projects:',
      '  sales:',
      '    profiles:',
      '      dev:',
      '        secrets:',
      '          - name: storage',
      '            type: s3',
      '            parameters:',
      '              KEY_ID: file://secrets/key',
      '              SECRET: file://secrets/secret',
      '              REGION: us-east-1',
      `              ENDPOINT: 127.0.0.1:${keys.port}`,
      '              URL_STYLE: path',
      '              USE_SSL: false',
    ],
    'tools/sales.yml': sqlTool('sales', "SELECT sum(amount) AS total FROM 's3://sales/2026/*.csv'", [
      'return: { type: number }',
    ]),
  });
  writeKeys(project, keys);
  engine.putExtensions(project);
  return project;
}

it('reads an object storage with the extension httpfs and a secret, which a reload rotates', async () => {
  const { keys, rotate } = await startStorage(engine);
  const project = createSales(keys);
  const options = { cwd: project.root, launcher: engine.launcher };
  const env = { ...process.env, HOME: project.root, MXCP_CONFIG: project.path('config.yml') };
  expect(await runMxcp(['validate'], { ...options, env })).toMatchObject({ code: 0, stderr: '' });
  const server = new MxcpProcess(['serve', '--port', '0', '--admin-socket', project.socketPath], { ...options, env });
  onTestFinished(async () => {
    server.kill('SIGTERM');
    await server.ended;
  });
  const client = await connectTo(await server.url());
  onTestFinished(() => client.close());
  expect(await callText(client, 'sales')).toBe('3.5');

  const replaced = await rotate();
  await expect(callText(client, 'sales')).rejects.toThrow(/403|Forbidden|InvalidAccessKeyId/);
  writeKeys(project, replaced);
  const reload = await runMxcp(['admin', 'reload', '--socket', project.socketPath], { ...options, env });
  expect(reload).toMatchObject({ code: 0 });
  expect(await callText(client, 'sales')).toBe('3.5');
  expect(server.stderr).not.toContain(keys.secret);
});
