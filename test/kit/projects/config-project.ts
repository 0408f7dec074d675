import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  assertProtections,
  loadConfigTemplate,
  resolveConfig,
  type ResolvedConfig,
} from '../../../src/config/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import { createProject, type ProjectFiles, userConfig as profileWith } from './temporary-project.js';
import type { SettingFlags } from '../../../src/settings/settings-table.js';

export interface ProjectOptions {
  readonly flags?: SettingFlags;
  readonly env?: Readonly<Record<string, string>>;
  readonly previous?: ResolvedConfig;
  readonly signal?: AbortSignal;
}

/** The folder of a project with these files, removed when the test ends. */
export async function makeProject(files: ProjectFiles): Promise<string> {
  return createProject(files).root;
}

/** A user configuration whose active profile holds one secret with these parameters. */
export function userConfig(...parameters: readonly string[]): string {
  const secret = ['name: db', 'type: postgres', 'parameters:', ...parameters.map((line) => `  ${line}`)];
  return `${profileWith(secret).join('\n')}\n`;
}

/** Everything from the settings to the refusal of what is not there, as a start does it. */
export async function loadProject(root: string, options: ProjectOptions = {}): Promise<ResolvedConfig> {
  const { flags = {}, env = {}, previous, signal } = options;
  const named = existsSync(join(root, 'config.yml')) ? { MXCP_CONFIG: 'config.yml' } : {};
  const environment = { HOME: join(root, 'home'), ...named, ...env };
  const settings = loadSettings({ flags, env: environment, cwd: root });
  const template = await loadConfigTemplate(settings, { running: previous });
  const config = await resolveConfig(template, { env: environment, previous, signal });
  assertProtections(config);
  return config;
}

/** The error a promise rejects with; fails when it does not. */
export async function errorOf(work: Promise<unknown>): Promise<Error & { code?: string }> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(outcome instanceof Error)) throw new Error('this was expected to fail');
  return outcome;
}
