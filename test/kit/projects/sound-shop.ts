import { createDatabaseFile } from '../database-file.js';
import { httpSecret, sqlTool, userConfig, type ProjectFiles } from './temporary-project.js';

export const SITE = [
  'mxcp: 1',
  'project: shop',
  'profile: dev',
  'profiles:',
  '  dev:',
  '    duckdb: { path: shop.duckdb, readonly: true }',
];
export const CONFIG = userConfig(
  ['name: store', 'type: http', 'parameters:', '  HTTP_PROXY: ${PROXY:-http://proxy.example:1}'],
  httpSecret('feed', 'file://feed-token'),
);

/** A project in which nothing is wrong. */
export const SOUND_SHOP: ProjectFiles = {
  'mxcp-site.yml': SITE,
  'config.yml': CONFIG,
  'feed-token': 'not-a-real-token\n',
  // DuckDB keeps extensions below the home folder.
  'home/.keep': '',
  'tools/price.yml': sqlTool('price', 'SELECT price FROM item WHERE name = $name', [
    'description: The price of an item.',
    'parameters:',
    '  - { name: name, type: string }',
    'return: { type: integer }',
  ]),
};

export function createItems(path: string, column = 'price'): Promise<void> {
  return createDatabaseFile(
    path,
    `CREATE TABLE item(name TEXT, ${column} INTEGER)`,
    "INSERT INTO item VALUES ('tea', 3)",
  );
}
