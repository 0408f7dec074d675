import { describe, expect, onTestFinished, test } from 'vitest';
import { readAuditLines } from '../../kit/audit-lines.js';
import { createSilentLogger } from '../../../src/logging/index.js';
import { checkProject } from '../../../src/project/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import { InProcessServer } from '../../kit/in-process-server.js';
import { callOnce, startPython } from '../../kit/projects/python-server.js';
import { createProject, pythonTool, type ProjectFiles, sqlTool } from '../../kit/projects/temporary-project.js';

const siteOf = (rows: string, more: readonly string[] = []) => [
  'mxcp: 1',
  'project: shop',
  'profile: dev',
  'sql_tools: { enabled: true }',
  'profiles:',
  '  dev:',
  '    duckdb: { path: shop.duckdb }',
  '    protect:',
  '      tables:',
  `        - { table: orders, rows: "${rows}", mask: { email: null } }`,
  '      unfiltered: [tool/audit, tool/count_all]',
  ...more,
];

const COUNT = 'SELECT count(*) AS n FROM orders';
const INTEGER = ['return: { type: integer }'];
const FILES: ProjectFiles = {
  'mxcp-site.yml': siteOf("region = 'north'"),
  'tools/orders.yml': sqlTool('orders', COUNT, INTEGER),
  'tools/emails.yml': sqlTool('emails', 'SELECT count(email) AS n FROM orders', INTEGER),
  'tools/audit.yml': sqlTool('audit', 'SELECT count(email) AS n FROM shop.main.orders', INTEGER),
};
const PYTHON: ProjectFiles = {
  'python/counts.py': [
    'from mxcp.runtime import db, on_init',
    'seen = []',
    '@on_init',
    'def count_at_start():',
    `    seen.append(db.execute("${COUNT}")[0]["n"])`,
    'def at_start():',
    '    return seen[-1]',
    'def count():',
    `    return db.execute("${COUNT}")[0]["n"]`,
    'def count_all():',
    '    return count()',
    'def around(text: str):',
    '    return db.execute(text)[0]["n"]',
  ],
  'tools/at_start.yml': pythonTool('at_start', 'python/counts.py', INTEGER),
  'tools/count.yml': pythonTool('count', 'python/counts.py', INTEGER),
  'tools/count_all.yml': pythonTool('count_all', 'python/counts.py', INTEGER),
  'tools/around.yml': pythonTool('around', 'python/counts.py', [
    'parameters: [{ name: text, type: string }]',
    ...INTEGER,
  ]),
};

const CREATE = `CREATE TABLE orders AS SELECT i AS id, CASE WHEN i < 2 THEN 'north' ELSE 'south' END AS region, 'x' AS email FROM range(9) t(i)`;

async function createShop(files: ProjectFiles = {}) {
  const project = createProject({ ...FILES, ...files });
  await createDatabaseFile(project.path('shop.duckdb'), CREATE);
  return project;
}

async function start(files: ProjectFiles = {}) {
  const project = await createShop(files);
  const server = await InProcessServer.start(project);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { project, server };
}

test('SQL endpoints and the SQL tools see what the rules allow, listed endpoints everything', async () => {
  const { server } = await start();
  expect(await callOnce(server, 'orders')).toBe('2');
  expect(await callOnce(server, 'emails')).toBe('0');
  expect(await callOnce(server, 'audit')).toBe('9');
  const run = (sql: string) => callOnce(server, 'execute_sql_query', { sql });
  expect(await run(COUNT)).toContain('2');
  await expect(run('SELECT count(*) AS n FROM shop.main.orders')).rejects.toThrow('reads orders around its rule');
  await expect(run('DROP TABLE shop.main.orders')).rejects.toThrow('is not a SELECT');
  await expect(run(`${COUNT}; ${COUNT}`)).rejects.toThrow('several statements');
  expect(await callOnce(server, 'list_tables')).toContain('orders');
  expect(await callOnce(server, 'get_table_schema', { table_name: 'orders' })).toContain('email');
});

const AUDIT = ['    audit: { enabled: true }'];
const AROUND = 'SELECT count(*) AS n FROM shop.main.orders';

test('a refusal has one id for the client, the log, the audit log and the metrics', async () => {
  const { project, server } = await start({ 'mxcp-site.yml': siteOf("region = 'north'", AUDIT) });
  const failed = await callOnce(server, 'execute_sql_query', { sql: AROUND }).catch(({ message }: Error) => message);
  const [, id] = /rows are protected, .* reads orders around its rule; .* \(decision ([\w-]{36})\)$/.exec(failed) ?? [];
  expect(id).toBeDefined();
  expect(server.logLines.filter((line) => line.includes('execute_sql_query'))).toEqual([
    expect.stringMatching(new RegExp(`INFO calls: .*code=policy_denied.* decision=${id} policy=protect`)),
  ]);
  expect(await readAuditLines(project.path('audit/logs-dev.jsonl'))).toMatchObject([
    {
      error_code: 'policy_denied',
      policies_evaluated: ['protect'],
      policy_decision: 'deny',
      policy_reason: 'rows are protected, and this SQL reads orders around its rule',
      decision_id: id,
    },
  ]);
  expect(await server.admin.metricsText()).toMatch(/mxcp_policy_denials_total\{[^}]*name="execute_sql_query"[^}]*\} 1/);
});

test('code that catches a refusal is answered, and the record says so', async () => {
  const project = await createShop({
    ...PYTHON,
    'mxcp-site.yml': siteOf("region = 'north'", AUDIT),
    'python/careful.py': [
      'from mxcp.runtime import db',
      'def careful():',
      '    try:',
      `        return db.execute("${AROUND}")[0]["n"]`,
      '    except Exception:',
      '        return -1',
    ],
    'tools/careful.yml': pythonTool('careful', 'python/careful.py', INTEGER),
  });
  const server = await startPython(project);
  expect(await callOnce(server, 'careful')).toBe('-1');
  const failed = await callOnce(server, 'around', { text: AROUND }).catch(({ message }: Error) => message);
  expect(failed).toMatch(/rows are protected, and this SQL reads orders around its rule; .* \(decision [\w-]{36}\)$/);
  const lines = await readAuditLines(project.path('audit/logs-dev.jsonl'));
  expect(lines.filter((line) => line['operation_type'] === 'tool')).toMatchObject([
    { operation_status: 'success', policy_decision: 'warn', policies_evaluated: ['protect'] },
    { error_code: 'policy_denied', policy_decision: 'deny', policies_evaluated: ['protect'] },
  ]);
});

test('code sees what the rules allow, its hooks everything', async () => {
  const project = await createShop(PYTHON);
  const server = await startPython(project);
  expect(await callOnce(server, 'count')).toBe('2');
  expect(await callOnce(server, 'count_all')).toBe('9');
  expect(await callOnce(server, 'at_start')).toBe('9');
  const around = (text: string) => callOnce(server, 'around', { text });
  expect(await around(COUNT)).toBe('2');
  await expect(around('SELECT count(*) AS n FROM shop.main.orders')).rejects.toThrow();
  await expect(around('CREATE OR REPLACE TEMP VIEW orders AS FROM shop.main.orders')).rejects.toThrow();
  await expect(around('UPDATE shop.main.orders SET id = 1 RETURNING id AS n')).rejects.toThrow();
  expect(await around(COUNT)).toBe('2');
});

describe('a reload', () => {
  const reload = ({ admin }: InProcessServer) => admin.reload({ waitMs: 20_000 });

  test('applies changed rules, and keeps the earlier ones when the new ones do not fit', async () => {
    const { project, server } = await start();
    project.write('mxcp-site.yml', siteOf("region = 'south'"));
    expect(await reload(server)).toMatchObject({ status: 'success', restart_required: [] });
    expect(await callOnce(server, 'orders')).toBe('7');
    project.write('mxcp-site.yml', siteOf('regio IS NULL'));
    await expect(reload(server)).rejects.toThrow(/stage build[^]*mxcp-site\.yml:10:\d+: .*"regio" not found/);
    expect(await callOnce(server, 'orders')).toBe('7');
  });

  test('with a replaced database checks the rules on the new file before it pauses calls', async () => {
    const { project, server } = await start();
    await createDatabaseFile(project.path('next.duckdb'), CREATE.replace('range(9)', 'range(1)'));
    project.rename('next.duckdb', 'shop.duckdb');
    expect(await reload(server)).toMatchObject({ status: 'success', database: { action: 'handover' } });
    expect(await callOnce(server, 'orders')).toBe('1');
    await createDatabaseFile(project.path('next.duckdb'), 'CREATE TABLE orders AS SELECT 1 AS id, 1 AS region');
    project.rename('next.duckdb', 'shop.duckdb');
    await expect(reload(server)).rejects.toThrow(/stage check[^]*there is no column "email" in orders/);
    expect(await callOnce(server, 'orders')).toBe('1');
  });
});

test('a start refuses a rule for a table that does not exist, also if only `on_init` would create it', async () => {
  const project = createProject({
    'mxcp-site.yml': siteOf('true'),
    'python/counts.py': [
      'from mxcp.runtime import db, on_init',
      '@on_init',
      'def create():',
      '    db.execute("CREATE TABLE IF NOT EXISTS orders (id INTEGER, email VARCHAR)")',
    ],
  });
  await expect(startPython(project)).rejects.toThrow(/mxcp-site\.yml:10:\d+: .*Table with name orders does not exist/);
});

test('validate says which listed endpoint the project does not have', async () => {
  const project = await createShop({
    'mxcp-site.yml': siteOf('true').map((line) => line.replace('tool/audit', 'tool/audits')),
  });
  const settings = loadSettings({ flags: {}, env: { HOME: project.path('home') }, cwd: project.root });
  const { warnings } = await checkProject(settings, { env: {}, logger: createSilentLogger() });
  const messages = warnings.map(({ message }) => message);
  expect(messages).toContain(
    '`protect.unfiltered` lists "tool/audits", which this project does not have; did you mean "tool/audit"?',
  );
});

test.each([
  [
    'an endpoint that goes another way',
    { 'tools/around.yml': sqlTool('around', 'FROM shop.main.orders') },
    /around\.yml.*reads orders around/,
  ],
  [
    'an endpoint that writes',
    { 'tools/add.yml': sqlTool('add', 'DELETE FROM orders') },
    /add\.yml.*only what `protect\.unfiltered` lists/,
  ],
  [
    'SQL of callers that may read files',
    { 'mxcp-site.yml': siteOf('true').map((line) => line.replace('enabled: true', 'external_access: true')) },
    /cannot be combined with `protect`/,
  ],
  [
    'an unfiltered SQL tool',
    { 'mxcp-site.yml': siteOf('true').map((line) => line.replace('tool/audit', 'tool/execute_sql_query')) },
    /always filtered/,
  ],
])('a start refuses %s', async (_, files: ProjectFiles, message) => {
  const project = await createShop(files);
  const failed = InProcessServer.start(project);
  await expect(failed).rejects.toThrow(message);
});
