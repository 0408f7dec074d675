import { rmSync, symlinkSync } from 'node:fs';
import { sqlTool, type TemporaryProject } from '../../kit/projects/temporary-project.js';
import type { Diagnosis } from './diagnosis.js';
import { SOUND_CONFIG, createShop, SITE } from '../../kit/projects/shop.js';

/** Puts another database in the place of the one that is there, as a pipeline should. */
async function replaceItems(project: TemporaryProject, column: string): Promise<void> {
  await createShop(project.path('next.duckdb'), 3, column);
  project.rename('next.duckdb', 'shop.duckdb');
}

export const BROKEN_RELOADS: readonly Diagnosis[] = [
  {
    broken: 'a key of the site file was misspelt since',
    command: 'reload',
    files: { 'mxcp-site.yml': [...SITE.readonly, 'sql_tool: { enabled: true }'] },
    says: [
      'mxcp-site.yml:7:1:',
      'unknown key `sql_tool`; did you mean `sql_tools`?',
      'failed at load',
      'the previous configuration is still active',
    ],
  },
  {
    broken: 'the user configuration was deleted since',
    command: 'reload',
    files: { 'config.yml': null },
    says: [
      'the configuration file config.yml does not exist; create it, or correct --config (MXCP_CONFIG)',
      'failed at load',
    ],
  },
  {
    broken: 'the file of a secret was deleted since',
    command: 'POST /reload',
    files: { 'feed-token': null },
    says: [
      'reload failed at stage resolve, nothing changed',
      'config.yml:14:29: file://feed-token: there is no file feed-token; create it, or correct the reference',
    ],
  },
  {
    broken: 'a secret became one that DuckDB refuses',
    command: 'reload',
    files: { 'config.yml': SOUND_CONFIG.map((line) => line.replace('HTTP_PROXY', 'PROXY')) },
    says: [
      'config.yml:7:13:',
      'DuckDB refused secret "store" of type http',
      "Unknown parameter 'proxy'",
      'failed at build',
    ],
  },
  {
    broken: 'the database was deleted since',
    command: 'reload',
    change: (project) => rmSync(project.path('shop.duckdb')),
    says: [
      'failed at build',
      'database shop.duckdb is gone from the disk; the server keeps using the open file. Put the file back',
    ],
  },
  {
    broken: 'the database was replaced by one without a column',
    command: 'POST /reload',
    change: (project) => replaceItems(project, 'cost'),
    says: [
      'reload failed at stage check, nothing changed',
      'on the new database shop.duckdb; restore the previous file or fix the endpoints',
      'tools/price.yml:10:',
      'Referenced column "price" not found',
    ],
  },
  {
    broken: 'the database was replaced by a link into nothing',
    command: 'reload',
    change: (project) => {
      rmSync(project.path('shop.duckdb'));
      symlinkSync('gone.duckdb', project.path('shop.duckdb'));
    },
    says: ['failed at build', 'database shop.duckdb is gone from the disk'],
  },
  {
    broken: 'a new endpoint is wrong',
    command: 'reload',
    options: ['--definitions'],
    files: { 'tools/cost.yml': sqlTool('cost', 'SELECT\n  cost\nFROM item') },
    says: ['failed at check', 'tools/cost.yml:7:', 'Referenced column "cost" not found'],
  },
  {
    broken: 'the profile asks for scopes since, without authentication',
    command: 'POST /reload',
    files: { 'config.yml': [...SOUND_CONFIG, '        auth: { authorization: { required_scopes: [a] } }'] },
    says: ['reload failed at stage resolve, nothing changed', 'config.yml:15:51: this version cannot enforce scopes'],
  },
];
