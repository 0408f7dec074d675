import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { sqlTool, userConfig, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import { DATABASE_FAULTS } from './reload-database-faults.js';
import { PROXIES, type DatabaseMode } from '../../kit/projects/shop.js';

/** One way in which a reload can go wrong, and what the record must say about it. */
export interface ReloadFault {
  readonly what: string;
  readonly database?: DatabaseMode;
  readonly definitions?: boolean;
  readonly damage: (project: TemporaryProject) => Promise<void> | void;
  readonly fix: (project: TemporaryProject) => Promise<void> | void;
  readonly stage: 'load' | 'resolve' | 'build' | 'check';
  readonly code: string;
  /** `file:line:column` within the project, as far as there is one. */
  readonly at?: string;
  /** What the message says, word for word: the cause, and what to do. */
  readonly says: readonly string[];
}

const SITE_TAIL = ['profiles:', '  dev:', '    duckdb: { path: shop.duckdb, readonly: true }'];
const SITE = ['mxcp: 1', 'project: shop', 'profile: dev', ...SITE_TAIL];

const fixConfig = (project: TemporaryProject): void => project.write('config.yml', PROXIES);
const fixSite = (project: TemporaryProject): void => project.write('mxcp-site.yml', SITE);
const fixEnv = (project: TemporaryProject): void => project.write('shop.env', 'FIRST=http://first-1.example:1\n');

const LOAD_FAULTS: readonly ReloadFault[] = [
  {
    what: 'the site file is not YAML',
    damage: (project) => project.write('mxcp-site.yml', ['mxcp: 1', 'project: [shop', 'profile: dev']),
    fix: fixSite,
    stage: 'load',
    code: 'config_invalid',
    at: 'mxcp-site.yml:2:10',
    says: ['this bracket is not closed'],
  },
  {
    what: 'the user configuration is not YAML',
    damage: (project) => project.write('config.yml', ['mxcp: 1', 'projects:', '\tshop: {}']),
    fix: fixConfig,
    stage: 'load',
    code: 'config_invalid',
    at: 'config.yml:3:1',
    says: ['a tab is used for indentation; YAML allows only spaces'],
  },
  {
    what: 'a key is not known',
    damage: (project) => project.write('mxcp-site.yml', [...SITE, 'extention: []']),
    fix: fixSite,
    stage: 'load',
    code: 'config_invalid',
    at: 'mxcp-site.yml:7:1',
    says: ['unknown key `extention`; did you mean `extensions`?'],
  },
  {
    what: 'the user configuration is gone',
    damage: (project) => project.remove('config.yml'),
    fix: fixConfig,
    stage: 'load',
    code: 'config_not_found',
    at: 'config.yml',
    says: ['config.yml does not exist'],
  },
  {
    what: 'a folder is at the path of the user configuration',
    damage: (project) => {
      project.remove('config.yml');
      mkdirSync(project.path('config.yml'));
    },
    fix: (project) => {
      project.remove('config.yml');
      fixConfig(project);
    },
    stage: 'load',
    code: 'config_invalid',
    at: 'config.yml',
    says: ['the file is not a regular file but a folder'],
  },
  {
    what: 'an endpoint file is not YAML',
    definitions: true,
    damage: (project) => project.write('tools/extra.yml', ['mxcp: 1', 'tool: {']),
    fix: (project) => project.remove('tools/extra.yml'),
    stage: 'load',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:2:7',
    says: ['bracket'],
  },
  {
    what: 'a policy of an endpoint reads a name that does not exist',
    definitions: true,
    damage: (project) =>
      project.write(
        'tools/extra.yml',
        sqlTool('extra', 'SELECT 1', ['policies: { input: [{ condition: usr.role == "guest", action: deny }] }']),
      ),
    fix: (project) => project.remove('tools/extra.yml'),
    stage: 'load',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:4:25',
    says: ['in the condition, "usr" is not known; did you mean "user"?'],
  },
  {
    what: 'a policy of an endpoint would remove nothing',
    definitions: true,
    damage: (project) =>
      project.write(
        'tools/extra.yml',
        sqlTool('extra', 'SELECT 1', [
          'policies: { output: [{ condition: user.role == "guest", action: filter_sensitive_fields }] }',
        ]),
      ),
    fix: (project) => project.remove('tools/extra.yml'),
    stage: 'load',
    code: 'endpoint_invalid',
    at: 'tools/extra.yml:4:59',
    says: ['nothing in `return` is marked `sensitive: true`, so the rule would remove nothing'],
  },
];

const RESOLVE_FAULTS: readonly ReloadFault[] = [
  {
    what: 'a variable is no longer set',
    damage: (project) => project.write('shop.env', 'FRIST=http://first-1.example:1\n'),
    fix: fixEnv,
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
    fix: (project) => project.write('second.txt', 'http://second-1.example:1\n'),
    stage: 'resolve',
    code: 'reference_unresolved',
    at: 'config.yml:14:27',
    says: ['file://second.txt: there is no file', 'secrets[1].parameters.HTTP_PROXY'],
  },
  {
    what: 'a pipe without a writer is at the path of a reference',
    damage: (project) => {
      project.remove('second.txt');
      spawnSync('mkfifo', [project.path('second.txt')]);
    },
    fix: (project) => {
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
    fix: fixEnv,
    stage: 'resolve',
    code: 'config_invalid',
    at: 'shop.env',
    says: ['the env files have a problem', 'the env file does not exist; put a readable text file there'],
  },
  {
    what: 'a line of an env file is none, and the next one has a new value',
    damage: (project) => project.write('shop.env', ['hunter 2', 'FIRST=http://first-2.example:1']),
    fix: fixEnv,
    stage: 'resolve',
    code: 'config_invalid',
    at: 'shop.env:1:1',
    says: ['this line is neither `NAME=value` nor a `#` comment'],
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
    fix: (project) => {
      fixConfig(project);
      fixEnv(project);
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
    fix: fixConfig,
    stage: 'resolve',
    code: 'reference_unresolved',
    at: 'config.yml:14:27',
    says: ['vault://secret/shop#proxy: Vault is not enabled; set `vault.enabled` to true'],
  },
  {
    what: 'the profile asks for scopes without authentication',
    damage: (project) =>
      project.write('config.yml', [...PROXIES, '        auth:', '          authorization: { required_scopes: [a] }']),
    fix: fixConfig,
    stage: 'resolve',
    code: 'protection_unavailable',
    at: 'config.yml:20:45',
    says: ['this version cannot enforce scopes'],
  },
];

export const RELOAD_FAULTS: readonly ReloadFault[] = [...LOAD_FAULTS, ...RESOLVE_FAULTS, ...DATABASE_FAULTS];
