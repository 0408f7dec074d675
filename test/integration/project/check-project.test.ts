import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createSilentLogger } from '../../../src/logging/index.js';
import { checkProject, endpointReport, type ProjectCheck } from '../../../src/project/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import type { SettingFlags } from '../../../src/settings/settings-table.js';
import { createDatabaseFile } from '../../kit/database-file.js';
import { createProject, sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';

const SITE = ['mxcp: 1', 'project: shop', 'profile: dev', 'profiles:', '  dev:', '    duckdb:'];

function projectOn(...duckdb: readonly string[]): TemporaryProject {
  return createProject({
    'mxcp-site.yml': [...SITE, ...duckdb.map((line) => `      ${line}`)],
    'tools/name.yml': sqlTool('name', 'SELECT current_database() AS name'),
    'tools/typo.yml': sqlTool('typo', 'SELECT nmae FROM (SELECT 1 AS name)'),
  });
}

function check(
  project: TemporaryProject,
  flags: SettingFlags = {},
  env: NodeJS.ProcessEnv = {},
): Promise<ProjectCheck> {
  const environment = { HOME: project.path('home'), ...env };
  const settings = loadSettings({ flags, env: environment, cwd: project.root });
  return checkProject(settings, { env: environment, logger: createSilentLogger() });
}

const failuresOf = ({ catalog }: ProjectCheck) => catalog?.failures.map(({ path }) => path);

describe('a check of a project whose database does not exist', () => {
  it('checks the SQL, and creates neither the database nor its folder', async () => {
    const project = projectOn('path: data/dev.duckdb');
    const checked = await check(project);
    expect(checked).toMatchObject({ databaseError: undefined, isSqlChecked: true });
    expect(failuresOf(checked)).toEqual(['tools/typo.yml']);
    expect(readdirSync(project.root).sort()).toEqual(['mxcp-site.yml', 'tools']);
  });

  it('says so when it would be opened read-only, whatever says that', async () => {
    const project = projectOn('path: data/prod.duckdb', 'readonly: true');
    const missing = { code: 'database_missing', message: expect.stringContaining('data/prod.duckdb does not exist') };
    const checked = await check(project);
    expect(checked).toMatchObject({ databaseError: missing, isSqlChecked: false });
    expect(checked.databaseError?.problems).toMatchObject([{ file: project.path('mxcp-site.yml'), line: 7 }]);
    mkdirSync(project.path('data'));
    expect(await check(project)).toMatchObject({ databaseError: missing });
    expect(await check(projectOn('path: data/prod.duckdb'), { readonly: true })).toMatchObject({
      databaseError: missing,
    });
    expect(readdirSync(project.path('data'))).toEqual([]);
  });

  it('says so when a variable names it', async () => {
    const project = projectOn('readonly: true');
    const { databaseError } = await check(project, {}, { MXCP_DUCKDB_PATH: 'typo.duckdb' });
    expect(databaseError).toMatchObject({ code: 'database_missing', message: expect.stringContaining('typo.duckdb') });
    expect(existsSync(project.path('typo.duckdb'))).toBe(false);
  });

  it('says so when a start could not create it', async () => {
    const project = projectOn('path: file/in/dev.duckdb');
    writeFileSync(project.path('file'), '');
    expect((await check(project)).databaseError).toMatchObject({
      code: 'database_missing',
      message: expect.stringContaining('change `duckdb.path`'),
    });
  });

  it('says so when the file has only lost its name', async () => {
    const project = projectOn('path: dev.duckdb');
    await createDatabaseFile(project.path('.dev.duckdb.mxcp-held'));
    expect((await check(project)).databaseError).toMatchObject({
      code: 'database_missing',
      message: expect.stringContaining('still exists as'),
    });
    expect(existsSync(project.path('dev.duckdb'))).toBe(false);
  });
});

describe('a check of a project whose extensions cannot be loaded', () => {
  it('names each of them, and checks what does not need them', async () => {
    const project = createProject({
      'mxcp-site.yml': [
        'mxcp: 1',
        'project: shop',
        'profile: dev',
        'extensions:',
        '  - json',
        '  - no_such_extension',
        '  - name: none_either',
        '    repo: community',
      ],
      'tools/name.yml': sqlTool('name', `SELECT json_extract('{}', '$.a') AS a`),
      'tools/typo.yml': sqlTool('typo', 'SELECT nmae FROM (SELECT 1 AS name)'),
      'tools/needs.yml': sqlTool('needs', 'SELECT a_function_of_that_extension() AS a'),
    });
    const checked = await check(project);
    expect(checked).toMatchObject({ databaseError: { code: 'extension_failed' }, isSqlChecked: true });
    expect(checked.databaseError?.problems.map(({ line, message }) => [line, /"(\w+)"/.exec(message)?.[1]])).toEqual([
      [6, 'no_such_extension'],
      [7, 'none_either'],
    ]);
    expect(failuresOf(checked)).toEqual(['tools/needs.yml', 'tools/typo.yml']);
  });
});

it('a report of several endpoints that share a problem says so, and lists it once', () => {
  const problem = { file: 'python/d.py', line: 1, message: 'cannot be imported' };
  const failures = ['a', 'b'].map((name) => {
    return { path: `tools/${name}.yml`, kind: 'tool' as const, name, problems: [problem] };
  });
  expect(endpointReport(failures).message).toBe(
    'Found 2 endpoints with errors, all from 1 problem\n  python/d.py:1: cannot be imported',
  );
});

describe('a check of tools with large answers', () => {
  it('warns of those that DuckDB expects to be shortened, unless their file decides that', async () => {
    const all = 'SELECT i, j FROM large';
    const project = createProject({
      'mxcp-site.yml': ['mxcp: 1', 'project: shop', 'profile: dev', 'answers: { max_rows: 500 }'],
      'tools/all.yml': sqlTool('all', `${all} ORDER BY j`),
      'tools/few.yml': sqlTool('few', 'SELECT i FROM small'),
      'tools/first.yml': sqlTool('first', `${all} LIMIT 5`),
      'tools/sum.yml': sqlTool('sum', 'SELECT sum(i) AS total FROM large'),
      'tools/one.yml': sqlTool('one', `${all} WHERE i = $i`, ['parameters: [{ name: i, type: integer }]']),
      'tools/paged.yml': sqlTool('paged', all, ['paging: cursor']),
      'tools/limited.yml': sqlTool('limited', all, ['max_rows: 20']),
      'tools/object.yml': sqlTool('object', all, ['return: { type: object }']),
      'tools/two.yml': sqlTool('two', `${all}; DELETE FROM large`),
    });
    mkdirSync(project.path('data'));
    const tables = ['large AS SELECT i, i % 7 AS j FROM range(20000) t(i)', 'small AS SELECT i FROM range(500) t(i)'];
    await createDatabaseFile(project.path('data/db-dev.duckdb'), ...tables.map((table) => `CREATE TABLE ${table}`));
    const { warnings, catalog } = await check(project);
    expect(catalog?.failures).toEqual([]);
    expect(warnings.map(({ file, line, message }) => `${file}:${line}: ${message}`)).toEqual([
      expect.stringMatching(
        /^tools\/all\.yml:3: answers of tool "all" will be shortened: DuckDB expects about 20000 rows, and 500 fit; aggregate/,
      ),
    ]);
    const again = await check(project);
    expect(again.warnings).toHaveLength(1);
  });
});
