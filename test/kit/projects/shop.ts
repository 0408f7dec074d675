import { readdirSync, renameSync } from 'node:fs';
import type { Client } from '@modelcontextprotocol/client';
import { onTestFinished } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import type { SettingFlags } from '../../../src/settings/settings-table.js';
import type { ReloadOptions } from '../../../src/reload/index.js';
import { callText, connectTo } from '../mcp-client.js';
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

/** The site file by the mode of the database. */
export const SITE = {
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
    'sql_tools: { enabled: true, external_access: true, several_statements: true }',
  ],
};

export type DatabaseMode = keyof typeof SITE;

/** A database file with a table of items at one price. `column` names the column of the price. */
export function createShop(path: string, price: number, column = 'price'): Promise<void> {
  return createDatabaseFile(
    path,
    `CREATE TABLE item(name TEXT, ${column} INTEGER)`,
    `INSERT INTO item VALUES ('tea', ${price})`,
  );
}

export const SOUND_CONFIG = userConfig(
  ['name: store', 'type: http', 'parameters:', '  HTTP_PROXY: ${PROXY:-http://proxy.example:1}'],
  httpSecret('feed', 'file://feed-token'),
);

/** A project in which nothing is wrong. */
export const SOUND_SHOP: ProjectFiles = {
  'mxcp-site.yml': SITE.readonly,
  'config.yml': SOUND_CONFIG,
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

/** A small project that uses everything a reload re-reads: env file, secret file, secrets of DuckDB, a database. */
export async function createShopProject(mode: DatabaseMode, files: ProjectFiles = {}): Promise<TemporaryProject> {
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
  /** A test that runs beside others passes the hook of its own context: the global one does not know which test it belongs to. */
  readonly atEnd?: typeof onTestFinished;
}

/** The shop, served in this process until the test has ended. */
export async function startShop(
  mode: DatabaseMode,
  { files, flags, env, stores = [], atEnd = onTestFinished }: ShopOptions = {},
): Promise<{ readonly project: TemporaryProject; readonly server: InProcessServer }> {
  const project = await createShopProject(mode, files);
  atEnd(() => project[Symbol.dispose]());
  const server = await InProcessServer.start(project, {
    flags: { envFiles: [project.path('shop.env')], ...flags },
    stores,
    ...(env !== undefined && { env }),
  });
  atEnd(() => server[Symbol.asyncDispose]());
  return { project, server };
}

type Payload = NonNullable<ReloadOptions['payload']>;

export interface HandoverShopOptions {
  readonly mode?: DatabaseMode;
  readonly flags?: SettingFlags;
  readonly files?: ProjectFiles;
}

/** A served shop whose database can be replaced, and a client of it. */
export class HandoverShop {
  readonly project: TemporaryProject;
  readonly server: InProcessServer;
  readonly client: Client;

  private constructor(project: TemporaryProject, server: InProcessServer, client: Client) {
    this.project = project;
    this.server = server;
    this.client = client;
  }

  static async start({ mode = 'readwrite', ...options }: HandoverShopOptions = {}): Promise<HandoverShop> {
    const { project, server } = await startShop(mode, options);
    const client = await connectTo(server.url);
    onTestFinished(() => client.close());
    return new HandoverShop(project, server, client);
  }

  get database(): string {
    return this.project.path('shop.duckdb');
  }

  price(): Promise<string> {
    return callText(this.client, 'price');
  }

  sql(sql: string): Promise<string> {
    return callText(this.client, 'execute_sql_query', { sql });
  }

  /** As a pipeline does it. The file is made under another name and never opened here once it is in its place. */
  async replace(price: number, ...statements: readonly string[]): Promise<void> {
    const next = this.project.path(`next-${price}.duckdb`);
    if (statements.length > 0) await createDatabaseFile(next, ...statements);
    else await createShop(next, price);
    renameSync(next, this.database);
  }

  reload(options: { readonly force?: boolean } = {}): Promise<ReloadRecord> {
    return this.server.admin.reload({ waitMs: 40_000, ...options });
  }

  /** A reload with work to be done while the database is closed, as an endpoint asks for it. */
  async reloadWith(run: Payload['run']): Promise<{ readonly record: ReloadRecord; readonly released: number }> {
    let released = 0;
    const release = async (): Promise<void> => void (released += 1);
    const payload: Payload = { run, release, endLockHolder: () => Promise.resolve(false) };
    const { id, ended } = this.server.server.reload({ trigger: 'endpoint', payload });
    await ended;
    return { record: await this.server.admin.reloadRecord(id), released };
  }

  /** Names of ours beside the database. */
  hiddenFiles(): readonly string[] {
    const names = readdirSync(this.project.root).filter((name) => name.startsWith('.shop.duckdb'));
    // By that file, other processes find the server; it is there as long as the server has a read-write database.
    return names.filter((name) => !name.endsWith('.mxcp-owner'));
  }
}

export function stagesOf({ stages }: ReloadRecord): readonly string[] {
  return stages.map(({ name, status }) => `${name} ${status}`);
}
