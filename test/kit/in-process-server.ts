import { existsSync } from 'node:fs';
import { AdminClient } from '../../src/admin/client/index.js';
import { loadSettings } from '../../src/settings/index.js';
import type { SettingFlags } from '../../src/settings/settings-table.js';
import { Server, type ServerOptions } from '../../src/server/index.js';
import { runChildrenFromSources } from './children-from-sources.js';
import type { TemporaryProject } from './projects/temporary-project.js';

export interface StartOptions {
  readonly flags?: SettingFlags;
  readonly env?: NodeJS.ProcessEnv;
  readonly stores?: ServerOptions['stores'];
  readonly observers?: ServerOptions['observers'];
}

/** A server of a project in this process, with its admin socket open. */
export class InProcessServer implements AsyncDisposable {
  readonly admin: AdminClient;
  readonly server: Server;
  readonly logLines: string[] = [];

  private constructor(project: TemporaryProject, { flags = {}, env = {}, stores = [], observers = [] }: StartOptions) {
    const environment = { ...namedConfig(project), HOME: project.path('home'), MXCP_RELOAD_RATE_LIMIT: '0', ...env };
    const settings = loadSettings({
      flags: { port: '0', adminSocket: project.socketPath, ...flags },
      env: environment,
      cwd: project.root,
    });
    const logSinks = [(line: string) => void this.logLines.push(line)];
    this.server = new Server({ settings, env: environment, logSinks, stores, observers });
    this.admin = new AdminClient({ socketPath: project.socketPath, timeoutMs: 20_000 });
  }

  /** Throws what the start throws. */
  static async start(project: TemporaryProject, options: StartOptions = {}): Promise<InProcessServer> {
    runChildrenFromSources();
    const started = new InProcessServer(project, options);
    await started.server.start();
    return started;
  }

  /** Not started: that is up to the test. */
  static create(project: TemporaryProject, options: StartOptions = {}): InProcessServer {
    return new InProcessServer(project, options);
  }

  get url(): string {
    const { url } = this.server;
    if (url === undefined) throw new Error('this server has no address');
    return url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}

/** `config.yml` of the project is the user configuration where there is one. */
export function namedConfig(project: TemporaryProject): NodeJS.ProcessEnv {
  return existsSync(project.path('config.yml')) ? { MXCP_CONFIG: project.path('config.yml') } : {};
}
