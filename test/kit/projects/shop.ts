import { onTestFinished } from 'vitest';
import { InProcessServer, type StartOptions } from '../in-process-server.js';
import { createDatabaseFile } from '../database-file.js';
import { httpSecret, sqlTool, TemporaryProject, userConfig, type ProjectFiles } from './temporary-project.js';

/** The secrets of DuckDB as callers can see them; `http_proxy` is the one parameter that DuckDB does not hide. */
const SECRETS = 'SELECT name, secret_string FROM duckdb_secrets() ORDER BY name';

export const PROXIES = userConfig(
  ['name: first', 'type: http', 'parameters:', '  HTTP_PROXY: ${FIRST}'],
  ['name: second', 'type: http', 'parameters:', '  HTTP_PROXY: file://second.txt'],
  httpSecret('third', 'literal-third-token'),
);

const SITE = {
  readonly: [
    'mxcp: 1',
    'project: shop',
    'profile: dev',
    'profiles:',
    '  dev:',
    '    duckdb: { path: shop.duckdb, readonly: true }',
  ],
  readwrite: [
    'mxcp: 1',
    'project: shop',
    'profile: dev',
    'profiles:',
    '  dev:',
    '    duckdb: { path: shop.duckdb }',
    'sql_tools:',
    '  enabled: true',
  ],
};

export type DatabaseMode = keyof typeof SITE;

/** A table of items at one price, in a file of its own that the project does not serve yet. */
export function createShop(path: string, price: number): Promise<void> {
  return createDatabaseFile(
    path,
    'CREATE TABLE item(name TEXT, price INTEGER)',
    `INSERT INTO item VALUES ('tea', ${price})`,
  );
}

/** A small project that uses everything a reload re-reads: env file, secret file, secrets of DuckDB, a database. */
export async function createShopProject(
  mode: DatabaseMode,
  files: ProjectFiles = {},
): Promise<TemporaryProject> {
  const project = new TemporaryProject({
    'mxcp-site.yml': SITE[mode],
    'config.yml': PROXIES,
    'shop.env': 'FIRST=http://first-1.example:1\n',
    'second.txt': 'http://second-1.example:1\n',
    'tools/price.yml': sqlTool('price', 'SELECT price FROM item', ['return: { type: integer }']),
    'tools/secrets.yml': sqlTool('secrets', SECRETS),
    ...files,
  });
  await createShop(project.path('shop.duckdb'), 1);
  return project;
}

export interface ShopOptions extends StartOptions {
  readonly files?: ProjectFiles;
}

/** The shop, served in this process until the test has ended. */
export async function startShop(
  mode: DatabaseMode,
  { files, flags, env, stores = [] }: ShopOptions = {},
): Promise<{ readonly project: TemporaryProject; readonly server: InProcessServer }> {
  const project = await createShopProject(mode, files);
  onTestFinished(() => project[Symbol.dispose]());
  const server = await InProcessServer.start(project, {
    flags: { envFiles: [project.path('shop.env')], ...flags },
    stores,
    ...(env !== undefined && { env }),
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { project, server };
}
