import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { createDatabaseFile } from '../../kit/database-file.js';
import { sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import type { ReloadFault } from './reload-faults.js';
import { createShop, PROXIES } from '../../kit/projects/shop.js';

const fixConfig = (project: TemporaryProject): void => project.write('config.yml', PROXIES);

/** Replaces the current database by one that was built beside it, as a pipeline should. */
export async function replaceDatabase(project: TemporaryProject, price = 1): Promise<void> {
  rmSync(project.path('next.duckdb'), { force: true });
  await createShop(project.path('next.duckdb'), price);
  rmSync(project.path('shop.duckdb'), { recursive: true, force: true });
  project.rename('next.duckdb', 'shop.duckdb');
}

/** The current file under a second name, so that a test can restore it. */
function setAside(project: TemporaryProject): void {
  project.rename('shop.duckdb', 'aside.duckdb');
}

function putBack(project: TemporaryProject): void {
  rmSync(project.path('shop.duckdb'), { recursive: true, force: true });
  project.rename('aside.duckdb', 'shop.duckdb');
}

const BUILD_FAULTS: readonly ReloadFault[] = [
  {
    what: 'the database is gone',
    damage: setAside,
    fix: putBack,
    stage: 'build',
    code: 'database_missing',
    says: ['shop.duckdb is gone from the disk; the server keeps using the open file. Put the file back'],
  },
  {
    what: 'a database that is open read-write is gone',
    database: 'readwrite',
    damage: setAside,
    fix: putBack,
    stage: 'build',
    code: 'database_missing',
    says: ['shop.duckdb is gone from the disk; the server keeps using the open file. Put the file back'],
  },
  {
    what: 'a read-only database was overwritten in place',
    damage: async (project) => {
      await createShop(project.path('next.duckdb'), 2);
      // By another process: in this one it would drop the lock of what is open.
      spawnSync('sh', ['-c', 'cp next.duckdb shop.duckdb; rm next.duckdb'], { cwd: project.root });
    },
    fix: (project) => replaceDatabase(project),
    stage: 'build',
    code: 'database_replaced',
    says: ['was overwritten in place while it was open; write the new file beside it and rename it over this one'],
  },
  {
    what: 'what replaced the database is none',
    damage: (project) => {
      setAside(project);
      project.write('shop.duckdb', 'price\n1\n'.repeat(1000));
    },
    fix: putBack,
    stage: 'build',
    code: 'database_failed',
    says: ['cannot open database', 'not a valid DuckDB database file'],
  },
  {
    what: 'what replaced the database is empty',
    damage: (project) => {
      setAside(project);
      project.write('shop.duckdb', '');
    },
    fix: putBack,
    stage: 'build',
    code: 'database_failed',
    says: ['cannot open database', 'shop.duckdb'],
  },
  {
    what: 'a folder is at the path of the database',
    damage: (project) => {
      setAside(project);
      mkdirSync(project.path('shop.duckdb'));
    },
    fix: putBack,
    stage: 'build',
    code: 'database_failed',
    says: ['is not a regular file, so it cannot be a database; check `duckdb.path`'],
  },
  {
    what: 'DuckDB refuses a secret',
    damage: (project) =>
      project.write(
        'config.yml',
        PROXIES.map((line) => line.replace('BEARER_TOKEN', 'BEARER_TOKN')),
      ),
    fix: fixConfig,
    stage: 'build',
    code: 'secret_failed',
    at: 'config.yml:15:13',
    says: ['DuckDB refused secret "third" of type http', "Unknown parameter 'bearer_tokn'"],
  },
  {
    what: 'a secret needs an extension that is not there',
    damage: (project) =>
      project.write(
        'config.yml',
        PROXIES.map((line) =>
          line.replace('type: http', 'type: s3').replace('HTTP_PROXY', 'KEY_ID').replace('BEARER_TOKEN', 'SECRET'),
        ),
      ),
    fix: fixConfig,
    stage: 'build',
    code: 'secret_failed',
    at: 'config.yml:7:13',
    says: [
      'DuckDB refused secret "first" of type s3: it needs the extension httpfs',
      'install it first (INSTALL httpfs) or remove the secret',
    ],
  },
];

const CHECK_FAULTS: readonly ReloadFault[] = [
  {
    what: 'what replaced a read-write database is none',
    database: 'readwrite',
    damage: (project) => {
      setAside(project);
      project.write('shop.duckdb', 'price\n1\n'.repeat(1000));
    },
    fix: putBack,
    stage: 'check',
    code: 'database_failed',
    says: ['cannot open database', '/shop.duckdb:', 'not a valid DuckDB database file'],
  },
  {
    what: 'what replaced a read-write database is cut short',
    database: 'readwrite',
    damage: (project) => {
      setAside(project);
      spawnSync('sh', ['-c', 'head -c 20000 aside.duckdb > shop.duckdb'], { cwd: project.root });
    },
    fix: putBack,
    stage: 'check',
    code: 'database_failed',
    says: ['cannot open database', '/shop.duckdb'],
  },
  {
    what: 'a replaced read-write database lacks a column that an endpoint reads',
    database: 'readwrite',
    damage: async (project) => {
      setAside(project);
      await createDatabaseFile(project.path('shop.duckdb'), 'CREATE TABLE item(name TEXT, cost INTEGER)');
    },
    fix: putBack,
    stage: 'check',
    code: 'endpoint_invalid',
    at: 'tools/price.yml:7:14',
    says: [
      'on the new database ',
      'shop.duckdb; restore the previous file or fix the endpoints',
      '"price" not found in FROM clause',
    ],
  },
  {
    what: 'the replaced database lacks a column that an endpoint reads',
    damage: async (project) => {
      setAside(project);
      await createDatabaseFile(project.path('shop.duckdb'), 'CREATE TABLE item(name TEXT, cost INTEGER)');
    },
    fix: putBack,
    stage: 'check',
    code: 'endpoint_invalid',
    at: 'tools/price.yml:7:14',
    says: [
      'on the new database ',
      'shop.duckdb; restore the previous file or fix the endpoints',
      '"price" not found in FROM clause',
    ],
  },
  {
    what: 'the SQL of a new endpoint does not compile',
    definitions: true,
    damage: (project) => project.write('tools/extra.yml', sqlTool('extra', 'SELECT name\nFROM itme')),
    fix: (project) => project.remove('tools/extra.yml'),
    stage: 'check',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:7:12',
    says: ['Table with name itme does not exist', 'Did you mean "item"'],
  },
  {
    what: 'a new endpoint uses a parameter that it does not declare',
    definitions: true,
    damage: (project) =>
      project.write('tools/extra.yml', sqlTool('extra', 'SELECT $nam', ['parameters: [{ name: name, type: string }]'])),
    fix: (project) => project.remove('tools/extra.yml'),
    stage: 'check',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:7:14',
    says: ['the SQL uses $nam, which is not a declared parameter; did you mean "name"?'],
  },
];

/** Faults that only show when a candidate is built and checked. */
export const DATABASE_FAULTS: readonly ReloadFault[] = [...BUILD_FAULTS, ...CHECK_FAULTS];
