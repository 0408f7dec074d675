import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  assertProtections,
  loadConfigTemplate,
  resolveConfig,
  type ResolvedConfig,
} from '../../../src/config/index.js';
import { loadSettings } from '../../../src/settings/index.js';
import type { SettingFlags } from '../../../src/settings/settings-table.js';

export interface ProjectOptions {
  readonly flags?: SettingFlags;
  readonly env?: Readonly<Record<string, string>>;
  readonly previous?: ResolvedConfig;
  readonly signal?: AbortSignal;
}

/** A temporary project of the given files; gone when the test is. */
export async function makeProject(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'mxcp-config-'));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const site = 'mxcp: 1\nproject: shop\nprofile: dev\n';
  for (const [name, content] of Object.entries({ 'mxcp-site.yml': site, ...files })) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), content);
  }
  return root;
}

/** A user configuration whose active profile holds one secret with these parameters. */
export function userConfig(...parameters: readonly string[]): string {
  return [
    'mxcp: 1',
    'projects:',
    '  shop:',
    '    profiles:',
    '      dev:',
    '        secrets:',
    '          - name: db',
    '            type: postgres',
    '            parameters:',
    ...parameters.map((line) => `              ${line}`),
    '',
  ].join('\n');
}

/** Everything from the settings to the refusal of what is not there, as a start does it. */
export async function loadProject(root: string, options: ProjectOptions = {}): Promise<ResolvedConfig> {
  const { flags = {}, env = {}, previous, signal } = options;
  const named = existsSync(join(root, 'config.yml')) ? { MXCP_CONFIG: 'config.yml' } : {};
  const environment = { HOME: join(root, 'home'), ...named, ...env };
  const settings = loadSettings({ flags, env: environment, cwd: root });
  const template = await loadConfigTemplate(settings, { running: previous });
  const config = await resolveConfig(template, { settings, env: environment, previous, signal });
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
