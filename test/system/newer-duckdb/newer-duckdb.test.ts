import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { blocksOf } from '../../contract/docs/doc-blocks.js';
import { runMxcp } from '../../e2e/cli/mxcp-process.js';
import { failedReload } from '../../integration/reloads/failed-reload.js';
import { ChildServer } from '../../kit/child-server.js';
import { callText, connectTo } from '../../kit/mcp-client.js';
import { createProject, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';

/** The newest DuckDB for Python, which a pipeline gets from `pip install duckdb`. */
const WRITER = 'duckdb==2.0.1';

let packages: string;
beforeAll(() => {
  packages = mkdtempSync(join(tmpdir(), 'mxcp-newer-'));
  execFileSync('python3', ['-m', 'pip', 'install', '--quiet', '--target', packages, WRITER], { stdio: 'inherit' });
}, 300_000);
afterAll(() => rmSync(packages, { recursive: true, force: true }));

/** Runs a program of the pipeline in the folder of the project. */
function runPipeline(project: TemporaryProject, ...lines: readonly string[]): void {
  const env = { ...process.env, PYTHONPATH: packages };
  execFileSync('python3', ['-c', ['import duckdb', ...lines].join('\n')], { cwd: project.root, env });
}

function createShop(): TemporaryProject {
  return createProject({
    'mxcp-site.yml': [
      'mxcp: 1',
      'project: shop',
      'profile: dev',
      'profiles: { dev: { duckdb: { path: shop.duckdb } } }',
    ],
    'tools/price.yml': sqlTool('price', 'SELECT price FROM item', ['return: { type: integer }']),
    'home/.keep': '',
  });
}

const WRITE = 'open.execute("CREATE TABLE item AS SELECT 2 AS price"); open.close()';
const AS_OPTION = `open = duckdb.connect("next.duckdb", config={"storage_compatibility_version": "v1.5.0"}); ${WRITE}`;
const AS_ATTACHED = `open = duckdb.connect(); open.execute("ATTACH 'next.duckdb' AS next (STORAGE_VERSION 'v1.5.0'); USE next"); ${WRITE}`;

/** What the error says to do, as it says it. */
function convertAs(message: string): readonly string[] {
  const [, sql = ''] = /\(`(ATTACH .*?)`\)/.exec(message) ?? [];
  return [`duckdb.connect().execute(${JSON.stringify(sql)})`];
}

async function serveFirst(): Promise<{ project: TemporaryProject; server: ChildServer; price: () => Promise<string> }> {
  const project = createShop();
  runPipeline(project, AS_OPTION.replace('SELECT 2', 'SELECT 1'));
  project.rename('next.duckdb', 'shop.duckdb');
  const server = await ChildServer.start(project);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const client = await connectTo(server.url);
  onTestFinished(() => client.close());
  return { project, server, price: () => callText(client, 'price') };
}

describe('a pipeline with DuckDB 2', () => {
  it.each([AS_OPTION, AS_ATTACHED])(
    'can replace the database with a file that it writes for this server: %s',
    async (program) => {
      const { project, server, price } = await serveFirst();
      expect(await price()).toBe('1');
      runPipeline(project, program);
      project.rename('next.duckdb', 'shop.duckdb');
      expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
      expect(await price()).toBe('2');
    },
  );

  it('learns how to convert the file that it writes by default, and the remedy works as it is printed', async () => {
    const { project, server, price } = await serveFirst();
    runPipeline(project, `open = duckdb.connect("next.duckdb"); ${WRITE}`);
    project.rename('next.duckdb', 'shop.duckdb');
    const { record } = await failedReload(server);
    expect(record.error).toMatchObject({ code: 'database_too_new', stage: 'check' });
    expect(await price()).toBe('1');
    runPipeline(project, ...convertAs(record.error?.message ?? ''));
    project.rename('shop.duckdb.new', 'shop.duckdb');
    expect(await server.admin.reload({ waitMs: 20_000 })).toMatchObject({ status: 'success' });
    expect(await price()).toBe('2');
  });

  it('can run every program of the guide', () => {
    const project = createShop();
    const programs = blocksOf('docs/guides/pipelines-and-versions.md').filter(({ language }) => language === 'python');
    for (const { text } of programs) runPipeline(project, text);
    expect(programs.length).toBeGreaterThan(2);
  });

  it('may write to a file of this server, which keeps its storage version', async () => {
    const project = createShop();
    runPipeline(project, AS_OPTION);
    project.rename('next.duckdb', 'shop.duckdb');
    runPipeline(
      project,
      'open = duckdb.connect("shop.duckdb"); open.execute("UPDATE item SET price = 3"); open.close()',
    );
    const { stdout } = await runMxcp(['query', 'SELECT price FROM item', '--json-output'], { cwd: project.root });
    expect(JSON.parse(stdout).result).toEqual([{ price: 3 }]);
  });
});
