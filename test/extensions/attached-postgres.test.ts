import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { MxcpProcess, runMxcp } from '../e2e/cli/mxcp-process.js';
import { type EngineInstallation, installEngine } from '../kit/engine-installation.js';
import { callText, connectTo } from '../kit/mcp-client.js';
import { PostgresServer } from '../kit/postgres-server.js';
import { createProject, pythonTool, sqlTool, type TemporaryProject } from '../kit/projects/temporary-project.js';

let engine: EngineInstallation;
let postgres: PostgresServer;
beforeAll(async () => {
  engine = installEngine(['postgres_scanner']);
  postgres = await PostgresServer.start();
  postgres.sql("CREATE USER app; CREATE USER app_b PASSWORD 'app_b-password' IN ROLE app");
}, 600_000);
afterAll(() => {
  postgres[Symbol.dispose]();
  engine.dispose();
});
beforeEach(() => {
  for (const name of ['shop', 'other']) {
    postgres.sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    postgres.sql(`CREATE DATABASE ${name} OWNER app`);
  }
  postgres.sql("ALTER USER app PASSWORD 'app-password'");
  createOrders('shop', 1.5, 2);
});

function createOrders(database: string, ...amounts: readonly number[]): void {
  const rows = amounts.map((amount, index) => `(${index + 1}, ${amount})`).join();
  postgres.sql(
    `SET ROLE app; CREATE TABLE orders (id integer, amount double precision); INSERT INTO orders VALUES ${rows}`,
    database,
  );
}

function usersOfSessions(): string {
  return postgres.sql("SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'shop'");
}

const SITE = [
  'mxcp: 1',
  'project: shop',
  'profile: dev',
  'secrets: [warehouse]',
  'extensions: [postgres]',
  'attach:',
  '  - name: shop',
  '    type: postgres',
  '    secret: warehouse',
  '    readonly: false',
];

function createShop(site: readonly string[] = SITE): TemporaryProject {
  const project = createProject({
    'mxcp-site.yml': site,
    'config.yml': [
      'mxcp: 1',
      'projects:',
      '  shop:',
      '    profiles:',
      '      dev:',
      '        secrets:',
      '          - name: warehouse',
      '            type: postgres',
      '            parameters:',
      '              HOST: 127.0.0.1',
      `              PORT: ${postgres.port}`,
      '              DATABASE: file://secrets/database',
      '              USER: file://secrets/user',
      '              PASSWORD: file://secrets/password',
    ],
    'secrets/user': 'app',
    'secrets/password': 'app-password',
    'secrets/database': 'shop',
    'tools/total.yml': sqlTool('total', 'SELECT sum(amount) AS total FROM shop.orders', ['return: { type: number }']),
    'tools/add.yml': sqlTool('add', 'INSERT INTO shop.public.orders VALUES ($id, $amount)', [
      'parameters: [{ name: id, type: integer }, { name: amount, type: number }]',
    ]),
    'tools/slow.yml': sqlTool(
      'slow',
      // Reads the attached database at its beginning and again at its end.
      'SELECT count(*) AS n FROM range(60000000) r WHERE hash(r.range) % 3 = 0; SELECT sum(amount) AS total FROM shop.orders',
      ['return: { type: number }'],
    ),
  });
  engine.putExtensions(project);
  return project;
}

function commandsOf(project: TemporaryProject) {
  const env = { ...process.env, HOME: project.root, MXCP_CONFIG: project.path('config.yml') };
  const options = { cwd: project.root, launcher: engine.launcher, env };
  return {
    run: (...args: string[]) => runMxcp(args, options),
    reload: () => runMxcp(['admin', 'reload', '--socket', project.socketPath], options),
    config: async () =>
      JSON.parse((await runMxcp(['admin', 'config', '--json', '--socket', project.socketPath], options)).stdout),
    serve: async () => {
      const server = new MxcpProcess(['serve', '--port', '0', '--admin-socket', project.socketPath], options);
      onTestFinished(async () => {
        server.kill('SIGTERM');
        await server.ended;
      });
      const url = await server.url();
      const client = await connectTo(url);
      onTestFinished(() => client.close());
      return { server, client, url };
    },
  };
}

/** The text of a failed reload. */
async function failureOf(
  reload: Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>,
) {
  const { code, stdout, stderr } = await reload;
  expect(code).toBe(1);
  return `${stdout}${stderr}`;
}

it('reads and writes an attached Postgres', async () => {
  const project = createShop();
  const { run, serve, config } = commandsOf(project);
  expect(await run('validate')).toMatchObject({ code: 0, stderr: '' });
  const { client } = await serve();
  expect(await callText(client, 'total')).toBe('3.5');
  await callText(client, 'add', { id: 3, amount: 4 });
  expect(await callText(client, 'total')).toBe('7.5');
  expect(postgres.sql('SELECT count(*) FROM orders', 'shop')).toBe('3');
  expect(await config()).toMatchObject({ attached: [{ name: 'shop', type: 'postgres', readonly: false }] });
});

it('is read-only unless the project says otherwise', async () => {
  const project = createShop(SITE.filter((line) => !line.includes('readonly')));
  const { run } = commandsOf(project);
  const { code, stdout, stderr } = await run('validate');
  expect({ code, text: `${stdout}${stderr}` }).toMatchObject({ code: 2, text: expect.stringContaining('read-only') });
});

it('writes to Postgres beside a database that is open read-only', async () => {
  const project = createShop([...SITE, 'profiles:', '  dev:', '    duckdb: { path: data.duckdb, readonly: true }']);
  const { run, serve } = commandsOf(project);
  expect(await run('query', 'SELECT 1', '--profile', 'dev')).toMatchObject({ code: 3 });
  project.write('mxcp-site.yml', [...SITE, 'profiles:', '  dev:', '    duckdb: { path: data.duckdb }']);
  expect(await run('query', 'CREATE TABLE t (a INTEGER)')).toMatchObject({ code: 0 });
  project.write('mxcp-site.yml', [...SITE, 'profiles:', '  dev:', '    duckdb: { path: data.duckdb, readonly: true }']);
  const { client } = await serve();
  await callText(client, 'add', { id: 3, amount: 4 });
  expect(await callText(client, 'total')).toBe('7.5');
});

it('moves to another user with a reload while calls run, without a failed call', async () => {
  const project = createShop();
  const { serve, reload } = commandsOf(project);
  const { client, url, server } = await serve();
  const done = new AbortController();
  let calls = 0;
  const load = async (): Promise<void> => {
    const caller = await connectTo(url);
    for (; !done.signal.aborted; calls += 1) expect(await callText(caller, 'total')).toBe('3.5');
    await caller.close();
  };
  const loads = Promise.all([load(), load(), load()]);
  const slow = callText(client, 'slow');
  // Both users may log in while the reload moves from one to the other, so no call meets a refused login.
  for (const user of ['app_b', 'app', 'app_b']) {
    const before = calls;
    project.write('secrets/user', user);
    project.write('secrets/password', `${user}-password`);
    expect(await reload()).toMatchObject({ code: 0 });
    await expect.poll(() => calls).toBeGreaterThan(before + 10);
  }
  done.abort();
  await loads;
  expect(await slow).toBe('3.5');
  expect(usersOfSessions()).toBe('app_b');
  expect(server.stderr).not.toMatch(/-password/);
});

it('logs in with a rotated password after a reload', async () => {
  const project = createShop();
  const { serve, reload } = commandsOf(project);
  const { client } = await serve();
  postgres.sql("ALTER USER app PASSWORD 'second-password'");
  postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
  await expect(callText(client, 'total')).rejects.toThrow('password authentication failed');
  project.write('secrets/password', 'second-password');
  expect(await reload()).toMatchObject({ code: 0 });
  expect(await callText(client, 'total')).toBe('3.5');
});

it('takes a rotated password also where a view of the database reads Postgres', async () => {
  const project = createShop();
  project.write('tools/total.yml', sqlTool('total', 'SELECT * FROM totals', ['return: { type: number }']));
  project.remove('tools/add.yml');
  project.remove('tools/slow.yml');
  const { run, serve, reload } = commandsOf(project);
  const view = 'CREATE VIEW totals AS SELECT sum(amount) AS total FROM shop.orders';
  expect(await run('query', view)).toMatchObject({ code: 0 });
  const { client } = await serve();
  postgres.sql("ALTER USER app PASSWORD 'second-password'");
  postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'");
  project.write('secrets/password', 'second-password');
  expect(await reload()).toMatchObject({ code: 0 });
  expect(await callText(client, 'total')).toBe('3.5');
});

it('reads Postgres again after a restart of it, without a reload', async () => {
  const project = createShop();
  const { serve } = commandsOf(project);
  const { client } = await serve();
  expect(await callText(client, 'total')).toBe('3.5');
  postgres.stop();
  await expect(callText(client, 'total')).rejects.toThrow('Connection refused');
  postgres.start();
  expect(await callText(client, 'total')).toBe('3.5');
});

it('keeps the old generation when Postgres is down at a reload, and says what failed', async () => {
  const project = createShop();
  const { serve, reload } = commandsOf(project);
  const { client } = await serve();
  postgres.stop();
  const failure = await failureOf(reload());
  postgres.start();
  expect(failure).toContain('mxcp-site.yml:7');
  expect(failure).toMatch(
    /database "shop" of type postgres cannot be attached \(.*Connection refused.*\); make its server or file available/,
  );
  expect(failure).not.toContain('-password');
  expect(await callText(client, 'total')).toBe('3.5');
  expect(await reload()).toMatchObject({ code: 0 });
  expect(await callText(client, 'total')).toBe('3.5');
});

it('refuses a reload onto a wrong password, or onto a database that lacks what an endpoint reads', async () => {
  const project = createShop();
  const { serve, reload } = commandsOf(project);
  const { client } = await serve();
  project.write('secrets/password', 'wrong-password');
  expect(await failureOf(reload())).toContain('password authentication failed');
  project.write('secrets/password', 'app-password');
  project.write('secrets/database', 'other');
  const missing = await failureOf(reload());
  expect(missing).toContain('total.yml');
  expect(missing).toMatch(/Table with name "?orders"? does not exist.* \(on the attached databases as they are now\)/);
  expect(await callText(client, 'total')).toBe('3.5');
  createOrders('other', 9);
  expect(await reload()).toMatchObject({ code: 0 });
  expect(await callText(client, 'total')).toBe('9');
});

it('does not start without Postgres, and says which secret it used', async () => {
  const project = createShop();
  const { run } = commandsOf(project);
  postgres.stop();
  const started = await run('serve', '--port', '0');
  postgres.start();
  expect(started.code).toBe(3);
  expect(started.stderr).toMatch(/database "shop" .* correct the secret "warehouse"/);
});

it('serves what needs no Postgres when that dies during a handover, and attaches it with the next reload', async () => {
  const project = createShop();
  project.write('python/swap.py', [
    'import os, time',
    'from mxcp.runtime import reload_duckdb',
    'def swap():',
    '    def payload():',
    '        open("in-payload", "w").close()',
    '        while os.path.exists("in-payload"):',
    '            time.sleep(0.02)',
    '    reload_duckdb(payload)',
    '    return "asked"',
  ]);
  project.write('tools/swap.yml', pythonTool('swap', 'python/swap.py', ['return: { type: string }']));
  project.write('tools/local.yml', sqlTool('local', 'SELECT 1 AS one', ['return: { type: number }']));
  const { serve, reload } = commandsOf(project);
  const { client, server } = await serve();
  await callText(client, 'swap');
  await expect.poll(() => existsSync(project.path('in-payload')), { timeout: 20_000 }).toBe(true);
  postgres.stop();
  project.remove('in-payload');
  await expect.poll(() => server.stderr, { timeout: 20_000 }).toContain('reload failed');
  expect(server.stderr).toMatch(/WARN [^]*database "shop" of type postgres cannot be attached/);
  expect(await callText(client, 'local')).toBe('1');
  await expect(callText(client, 'total')).rejects.toThrow(/shop/);
  postgres.start();
  expect(await reload()).toMatchObject({ code: 0 });
  expect(await callText(client, 'total')).toBe('3.5');
});
