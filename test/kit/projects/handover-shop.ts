import { readdirSync, renameSync } from 'node:fs';
import type { Client } from '@modelcontextprotocol/client';
import { onTestFinished } from 'vitest';
import type { ReloadRecord } from '../../../src/admin/client/index.js';
import type { SettingFlags } from '../../../src/settings/settings-table.js';
import type { ReloadOptions } from '../../../src/reload/index.js';
import { createDatabaseFile } from '../database-file.js';
import type { InProcessServer } from '../in-process-server.js';
import { callText, connectTo } from '../mcp-client.js';
import type { ProjectFiles, TemporaryProject } from './temporary-project.js';
import { createShop, startShop, type DatabaseMode } from './shop.js';

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
  async reloadWith(
    run: Payload['run'],
  ): Promise<{ readonly record: ReloadRecord; readonly released: number }> {
    let released = 0;
    const release = async (): Promise<void> => void (released += 1);
    const payload: Payload = { run, release, endHolder: () => Promise.resolve(false) };
    const { id, ended } = this.server.server.reload({ trigger: 'endpoint', payload });
    await ended;
    return { record: await this.server.admin.reloadRecord(id), released };
  }

  /** Names of ours beside the database. */
  hiddenFiles(): readonly string[] {
    return readdirSync(this.project.root).filter((name) => name.startsWith('.shop.duckdb'));
  }
}

export function stagesOf({ stages }: ReloadRecord): readonly string[] {
  return stages.map(({ name, status }) => `${name} ${status}`);
}
