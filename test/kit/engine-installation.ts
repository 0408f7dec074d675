import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TemporaryProject } from './projects/temporary-project.js';

/** The newest engine of which the Python Package Index has signed extensions; an extension belongs to one engine. */
const ENGINE = '1.5.5';
const ROOT = join(import.meta.dirname, '../..');

export type ExtensionName = 'httpfs' | 'postgres_scanner' | 'ducklake';

/** This build of mxcp with an engine for which there are extensions. The test disposes it. */
export interface EngineInstallation {
  readonly launcher: string;
  /** For `PYTHONPATH`. */
  readonly packages: string;
  /** Leaves the extensions in a project, which is then the home of its commands, as `INSTALL` would with a network. */
  putExtensions(project: Pick<TemporaryProject, 'path'>): void;
  dispose(): void;
}

/** `packages` are Python packages that the test needs besides. Takes a minute at most. */
export function installEngine(
  extensions: readonly ExtensionName[],
  packages: readonly string[] = [],
): EngineInstallation {
  const root = mkdtempSync(join(tmpdir(), 'mxcp-engine-'));
  const python = join(root, 'python');
  const pip = ['-m', 'pip', 'install', '--quiet', '--target', python];
  if (packages.length > 0) execFileSync('python3', [...pip, ...packages], { stdio: 'inherit' });
  const wheels = extensions.map((name) => `duckdb-extension-${name.replaceAll('_', '-')}==${ENGINE}`);
  execFileSync('python3', [...pip, '--no-deps', ...wheels], { stdio: 'inherit' });
  installBuild(root);
  return {
    launcher: join(root, 'bin/mxcp'),
    packages: python,
    putExtensions: (project) => {
      for (const name of extensions) putExtension(project, python, name);
    },
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** The bundle holds the bindings of its own engine, so it is left out. */
function installBuild(root: string): void {
  const engine = join(root, 'engine');
  mkdirSync(engine);
  const install = ['install', '--no-audit', '--no-fund', '--prefix', engine, `@duckdb/node-api@${ENGINE}-r.5`];
  execFileSync('npm', install, { stdio: 'inherit' });
  for (const name of ['bin', 'package.json', 'dist', 'templates'])
    cpSync(join(ROOT, name), join(root, name), {
      recursive: true,
      filter: (path) => !path.endsWith('/command') || path.includes('/cli/'),
    });
  const modules = join(root, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '@duckdb' && !name.startsWith('.')) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  symlinkSync(join(engine, 'node_modules/@duckdb'), join(modules, '@duckdb'));
}

function putExtension(project: Pick<TemporaryProject, 'path'>, python: string, name: ExtensionName): void {
  const file = `${name}.duckdb_extension`;
  const platform = process.arch === 'arm64' ? 'linux_arm64' : 'linux_amd64';
  const folder = project.path(`.duckdb/extensions/v${ENGINE}/${platform}`);
  mkdirSync(folder, { recursive: true });
  cpSync(join(python, `duckdb_extension_${name}/extensions/v${ENGINE}`, file), join(folder, file));
}
