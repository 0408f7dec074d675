import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { createDatabaseFile } from '../../kit/database-file.js';
import { sqlTool, userConfig, type TemporaryProject } from '../../kit/temporary-project.js';
import { createShop, PROXIES, type DatabaseMode } from './shop-project.js';

/** One way in which a reload can go wrong, and what the record must say about it. */
export interface ReloadFault {
  readonly what: string;
  readonly database?: DatabaseMode;
  readonly definitions?: boolean;
  readonly damage: (project: TemporaryProject) => Promise<void> | void;
  readonly mend: (project: TemporaryProject) => Promise<void> | void;
  readonly stage: 'load' | 'resolve' | 'build' | 'check';
  readonly code: string;
  /** `file:line:column` within the project, as far as there is one. */
  readonly at?: string;
  /** What the message says, word for word: the cause, and what to do. */
  readonly says: readonly string[];
}

const SITE_TAIL = ['profiles:', '  dev:', '    duckdb: { path: shop.duckdb, readonly: true }'];
const SITE = ['mxcp: 1', 'project: shop', 'profile: dev', ...SITE_TAIL];

const mendConfig = (project: TemporaryProject): void => project.write('config.yml', PROXIES);
const mendSite = (project: TemporaryProject): void => project.write('mxcp-site.yml', SITE);
const mendEnv = (project: TemporaryProject): void =>
  project.write('shop.env', 'FIRST=http://first-1.example:1\n');

/** Puts a database that was made beside it in the place of the one that serves, as a pipeline should. */
export async function replaceDatabase(project: TemporaryProject, price = 1): Promise<void> {
  rmSync(project.path('next.duckdb'), { force: true });
  await createShop(project.path('next.duckdb'), price);
  rmSync(project.path('shop.duckdb'), { recursive: true, force: true });
  project.rename('next.duckdb', 'shop.duckdb');
}

/** The file that serves, under a second name, so that a test can put it back. */
function setAside(project: TemporaryProject): void {
  project.rename('shop.duckdb', 'aside.duckdb');
}

function putBack(project: TemporaryProject): void {
  rmSync(project.path('shop.duckdb'), { recursive: true, force: true });
  project.rename('aside.duckdb', 'shop.duckdb');
}

const LOAD_FAULTS: readonly ReloadFault[] = [
  {
    what: 'the site file is not YAML',
    damage: (project) => project.write('mxcp-site.yml', ['mxcp: 1', 'project: [shop', 'profile: dev']),
    mend: mendSite,
    stage: 'load',
    code: 'config_invalid',
    at: 'mxcp-site.yml:3:1',
    says: ['a bracket or quote before it is not closed'],
  },
  {
    what: 'the user configuration is not YAML',
    damage: (project) => project.write('config.yml', ['mxcp: 1', 'projects:', '\tshop: {}']),
    mend: mendConfig,
    stage: 'load',
    code: 'config_invalid',
    at: 'config.yml:3:1',
    says: ['a tab is used for indentation; YAML takes only spaces'],
  },
  {
    what: 'a key is not known',
    damage: (project) => project.write('mxcp-site.yml', [...SITE, 'extention: []']),
    mend: mendSite,
    stage: 'load',
    code: 'config_invalid',
    at: 'mxcp-site.yml:7:1',
    says: ['unknown key `extention`; did you mean `extensions`?'],
  },
  {
    what: 'the user configuration is gone',
    damage: (project) => project.remove('config.yml'),
    mend: mendConfig,
    stage: 'load',
    code: 'config_not_found',
    says: ['config.yml does not exist'],
  },
  {
    what: 'a folder stands in the place of the user configuration',
    damage: (project) => {
      project.remove('config.yml');
      mkdirSync(project.path('config.yml'));
    },
    mend: (project) => {
      project.remove('config.yml');
      mendConfig(project);
    },
    stage: 'load',
    code: 'config_invalid',
    at: 'config.yml',
    says: ['the file is a folder'],
  },
  {
    what: 'an endpoint file is not YAML',
    definitions: true,
    damage: (project) => project.write('tools/extra.yml', ['mxcp: 1', 'tool: {']),
    mend: (project) => project.remove('tools/extra.yml'),
    stage: 'load',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:3:1',
    says: ['bracket'],
  },
  {
    what: 'an endpoint asks for policies',
    definitions: true,
    damage: (project) =>
      project.write(
        'tools/extra.yml',
        sqlTool('extra', 'SELECT 1', ['policies: { input: [{ condition: "true", action: deny }] }']),
      ),
    mend: (project) => project.remove('tools/extra.yml'),
    stage: 'load',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:4:3',
    says: [
      'this version cannot enforce "policies", so it does not serve this endpoint; remove the key or the file',
    ],
  },
  {
    what: 'an endpoint marks what it returns as sensitive',
    definitions: true,
    damage: (project) =>
      project.write(
        'tools/extra.yml',
        sqlTool('extra', 'SELECT 1', ['return: { type: integer, sensitive: true }']),
      ),
    mend: (project) => project.remove('tools/extra.yml'),
    stage: 'load',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:4:28',
    says: ['this version cannot enforce "sensitive"'],
  },
];

const RESOLVE_FAULTS: readonly ReloadFault[] = [
  {
    what: 'a variable is no longer set',
    damage: (project) => project.write('shop.env', 'FRIST=http://first-1.example:1\n'),
    mend: mendEnv,
    stage: 'resolve',
    code: 'reference_unresolved',
    at: 'config.yml:10:27',
    says: [
      '${FIRST}: not set in the environment or in an env file; set it, or give it a default with `${FIRST:-…}`',
      'secrets[0].parameters.HTTP_PROXY',
    ],
  },
  {
    what: 'the file of a reference is gone',
    damage: (project) => project.remove('second.txt'),
    mend: (project) => project.write('second.txt', 'http://second-1.example:1\n'),
    stage: 'resolve',
    code: 'reference_unresolved',
    at: 'config.yml:14:27',
    says: ['file://second.txt: there is no file', 'secrets[1].parameters.HTTP_PROXY'],
  },
  {
    what: 'a pipe that nobody writes to stands in the place of the file of a reference',
    damage: (project) => {
      project.remove('second.txt');
      spawnSync('mkfifo', [project.path('second.txt')]);
    },
    mend: (project) => {
      project.remove('second.txt');
      project.write('second.txt', 'http://second-1.example:1\n');
    },
    stage: 'resolve',
    code: 'reference_unresolved',
    at: 'config.yml:14:27',
    says: ['is not a regular file'],
  },
  {
    what: 'an env file is gone',
    damage: (project) => project.remove('shop.env'),
    mend: mendEnv,
    stage: 'resolve',
    code: 'config_invalid',
    at: 'shop.env',
    says: ['env files cannot be read', 'the env file does not exist'],
  },
  {
    what: 'one reference changed, one is gone, one was added before them',
    damage: (project) => {
      project.write('shop.env', 'FIRST=http://first-2.example:2\nZEROTH=http://zeroth.example:1\n');
      project.write('config.yml', [
        ...userConfig(['name: zeroth', 'type: http', 'parameters:', '  HTTP_PROXY: ${ZEROTH}']),
        ...PROXIES.slice(6),
      ]);
      project.remove('second.txt');
    },
    mend: (project) => {
      mendConfig(project);
      mendEnv(project);
      project.write('second.txt', 'http://second-1.example:1\n');
    },
    stage: 'resolve',
    code: 'reference_unresolved',
    at: 'config.yml:18:27',
    says: ['file://second.txt: there is no file'],
  },
  {
    what: 'a secret wants a store that is not there',
    damage: (project) =>
      project.write(
        'config.yml',
        PROXIES.map((line) => line.replace('file://second.txt', 'vault://secret/shop#proxy')),
      ),
    mend: mendConfig,
    stage: 'resolve',
    code: 'reference_unresolved',
    at: 'config.yml:14:27',
    says: ['vault://secret/shop#proxy: needs Vault, which this version does not support yet'],
  },
  {
    what: 'the profile asks for authentication',
    damage: (project) =>
      project.write('config.yml', [
        ...PROXIES,
        '        auth:',
        '          provider: github',
        '          github: { client_id: a, client_secret: b }',
      ]),
    mend: mendConfig,
    stage: 'resolve',
    code: 'protection_unavailable',
    at: 'config.yml:20:21',
    says: ['this version cannot enforce authentication with `github`'],
  },
  {
    what: 'the profile asks for an audit log',
    damage: (project) => project.write('mxcp-site.yml', [...SITE, '    audit: { enabled: true }']),
    mend: mendSite,
    stage: 'resolve',
    code: 'protection_unavailable',
    at: 'mxcp-site.yml:7:23',
    says: ['this version cannot write the audit log', 'set `audit.enabled` to false'],
  },
];

const BUILD_FAULTS: readonly ReloadFault[] = [
  {
    what: 'the database is gone',
    damage: setAside,
    mend: putBack,
    stage: 'build',
    code: 'database_missing',
    says: ['shop.duckdb is gone from the disk; the open one still serves. Put the file back'],
  },
  {
    what: 'a database that is open read-write was replaced',
    database: 'readwrite',
    damage: async (project) => {
      setAside(project);
      await createShop(project.path('shop.duckdb'), 2);
    },
    mend: putBack,
    stage: 'build',
    code: 'database_replaced',
    says: [
      'shop.duckdb was replaced while it is open read-write',
      'Restart the server to serve the new file, or serve the database read-only, where a reload is enough',
    ],
  },
  {
    what: 'a read-only database was overwritten in place',
    damage: async (project) => {
      await createShop(project.path('next.duckdb'), 2);
      // By another process: in this one it would drop the lock of what is open.
      spawnSync('sh', ['-c', 'cp next.duckdb shop.duckdb; rm next.duckdb'], { cwd: project.root });
    },
    mend: (project) => replaceDatabase(project),
    stage: 'build',
    code: 'database_replaced',
    says: [
      'was overwritten in place while it is open; write the new file beside it and rename it over this one',
    ],
  },
  {
    what: 'what replaced the database is none',
    damage: (project) => {
      setAside(project);
      project.write('shop.duckdb', 'price\n1\n'.repeat(1000));
    },
    mend: putBack,
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
    mend: putBack,
    stage: 'build',
    code: 'database_failed',
    says: ['cannot open database', 'shop.duckdb'],
  },
  {
    what: 'a folder stands in the place of the database',
    damage: (project) => {
      setAside(project);
      mkdirSync(project.path('shop.duckdb'));
    },
    mend: putBack,
    stage: 'build',
    code: 'database_failed',
    says: ['is not a regular file, so it cannot be a database; check duckdb.path'],
  },
  {
    what: 'DuckDB refuses a secret',
    damage: (project) =>
      project.write(
        'config.yml',
        PROXIES.map((line) => line.replace('BEARER_TOKEN', 'BEARER_TOKN')),
      ),
    mend: mendConfig,
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
          line
            .replace('type: http', 'type: s3')
            .replace('HTTP_PROXY', 'KEY_ID')
            .replace('BEARER_TOKEN', 'SECRET'),
        ),
      ),
    mend: mendConfig,
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
    what: 'the replaced database lacks a column that an endpoint reads',
    damage: async (project) => {
      setAside(project);
      await createDatabaseFile(project.path('shop.duckdb'), 'CREATE TABLE item(name TEXT, cost INTEGER)');
    },
    mend: putBack,
    stage: 'check',
    code: 'endpoint_invalid',
    at: 'tools/price.yml:7',
    says: [
      'which replaced the database that serves; put the old one back or mend what does not fit',
      '"price" not found in FROM clause',
    ],
  },
  {
    what: 'the SQL of a new endpoint does not compile',
    definitions: true,
    damage: (project) => project.write('tools/extra.yml', sqlTool('extra', 'SELECT name\nFROM itme')),
    mend: (project) => project.remove('tools/extra.yml'),
    stage: 'check',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:7',
    says: ['Table with name itme does not exist', 'Did you mean "item"'],
  },
  {
    what: 'a new endpoint uses a parameter that it does not declare',
    definitions: true,
    damage: (project) =>
      project.write(
        'tools/extra.yml',
        sqlTool('extra', 'SELECT $nam', ['parameters: [{ name: name, type: string }]']),
      ),
    mend: (project) => project.remove('tools/extra.yml'),
    stage: 'check',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:7',
    says: ['the SQL uses $nam, which is not a declared parameter; did you mean "name"?'],
  },
];

export const RELOAD_FAULTS: readonly ReloadFault[] = [
  ...LOAD_FAULTS,
  ...RESOLVE_FAULTS,
  ...BUILD_FAULTS,
  ...CHECK_FAULTS,
];
