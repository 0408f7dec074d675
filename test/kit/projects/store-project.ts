import { existsSync } from 'node:fs';
import { loadConfigTemplate, resolveConfig, type ResolvedConfig } from '../../../src/config/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import { Secret, SecretStores } from '../../../src/secrets/index.js';
import type { SecretStoresOptions } from '../../../src/secrets/secret-stores.js';
import { failedReferences } from '../../../src/secrets/index.js';
import { tlsFile } from '../loopback-server.js';
import { TemporaryProject, userConfig, type ProjectFiles } from './temporary-project.js';

/** Parameters of the one secret of the project, by name. */
export type References = Readonly<Record<string, string>>;

/** A project whose secrets come from stores, resolved as often as a test wants, with the logins kept in between. */
export class StoreProject implements AsyncDisposable {
  readonly project: TemporaryProject;
  readonly stores: SecretStores;
  /** The environment; a test changes it as it likes. */
  readonly env: Record<string, string> = {};
  resolveTimeout = '10s';
  #previous: ResolvedConfig | undefined;

  constructor(options: SecretStoresOptions = {}, files: ProjectFiles = {}) {
    this.project = new TemporaryProject(files);
    this.stores = new SecretStores(options);
  }

  /** Writes the user configuration: the sections as they are written, and the references. */
  write(sections: readonly string[], references: References): this {
    const parameters = Object.entries(references).map(([name, text]) => `  ${name}: ${JSON.stringify(text)}`);
    this.project.write('config.yml', [
      ...userConfig(['name: db', 'type: custom', 'parameters:', ...parameters]),
      ...sections,
    ]);
    return this;
  }

  /** As a start does, and from then on as a reload does. */
  async resolve(): Promise<ResolvedConfig> {
    const env = { HOME: this.project.root, MXCP_CONFIG: this.project.path('config.yml'), ...this.env };
    const envFiles = existsSync(this.project.path('service.env')) ? [this.project.path('service.env')] : [];
    const flags = { reloadResolveTimeout: this.resolveTimeout, envFiles };
    const settings = loadSettings({ flags, env, cwd: this.project.root });
    const template = await loadConfigTemplate(settings, { addedSchemes: this.stores.schemes });
    const config = await resolveConfig(template, { env, stores: this.stores, previous: this.#previous });
    this.#previous = config;
    return config;
  }

  /** The values of the parameters. */
  async values(): Promise<Readonly<Record<string, unknown>>> {
    const { secrets } = await this.resolve();
    return Object.fromEntries(
      Object.entries(secrets[0]?.parameters ?? {}).map(([name, value]) => [
        name,
        value instanceof Secret ? value.reveal() : value,
      ]),
    );
  }

  /** What is said of each reference that has no value. */
  async failures(): Promise<readonly string[]> {
    const error = await this.failure();
    return failedReferences(error).map((failed) => failed.error);
  }

  async failure(): Promise<Error> {
    const outcome: unknown = await this.resolve().catch((error: unknown) => error);
    if (outcome instanceof Error) return outcome;
    throw new Error('this was expected to fail');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stores.dispose();
    this.project[Symbol.dispose]();
  }
}

/** The `vault` section for a server of a test, which trusts the CA of the tests. */
export function vaultSection(address: string, more: readonly string[] = []): readonly string[] {
  const ca = address.startsWith('https:') ? [`  ca_cert: ${tlsFile('ca')}`] : [];
  return ['vault:', '  enabled: true', `  address: ${address}`, ...ca, ...more.map((line) => `  ${line}`)];
}
