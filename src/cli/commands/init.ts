import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { messageOf, MxcpError } from '../../errors/index.js';
import { createFolder } from '../../files/index.js';
import { Disposer } from '../../lifecycle/index.js';
import { SITE_FILE_NAME } from '../../settings/index.js';
import { version } from '../../version/index.js';
import type { CommandModule, Options } from '../command/command.js';

const DEFAULT_PROFILE = 'dev';
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;

/** Creates a project. It asks no questions and overwrites no file. */
export const run: CommandModule['run'] = async ([given = '.'], options, { cwd, output }) => {
  const folder = resolve(cwd, given);
  const templates = chooseTemplates(folder, options);
  const names = { project: readProject(options, folder), profile: readName('--profile', options, DEFAULT_PROFILE) };
  const found = templates.flatMap((name) => readTemplate(name, names));
  const files = found.filter(({ path }) => path !== '.gitignore' || !existsSync(join(folder, path)));
  refuseExisting(folder, files);
  if (options['force'] !== true) refuseInside(folder);
  const written = await writeFiles(folder, files);
  if (options['jsonOutput'] === true) {
    output.json({ status: 'ok', result: { ...(templates.includes('project') && names), folder, files: written } });
  } else {
    for (const path of written) output.print(`wrote ${join(relative(cwd, folder), path)}`);
    for (const line of nextSteps(relative(cwd, folder), templates)) output.print(line);
  }
  return 0;
};

type Template = 'project' | 'bootstrap' | 'docker';

/** `--docker` alone also adds its files to a project that exists. */
function chooseTemplates(folder: string, options: Options): readonly Template[] {
  const chosen = (['bootstrap', 'docker'] as const).filter((name) => options[name] === true);
  const describesProject = ['bootstrap', 'project', 'profile'].some((name) => options[name] !== undefined);
  const adds = chosen.includes('docker') && !describesProject && existsSync(join(folder, SITE_FILE_NAME));
  return adds ? chosen : ['project', ...chosen];
}

function readProject(options: Options, folder: string): string {
  const fromFolder = basename(folder)
    .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return readName('--project', options, NAME.test(fromFolder) ? fromFolder : 'project');
}

function readName(flag: '--project' | '--profile', options: Options, fallback: string): string {
  const name = options[flag.slice(2)] ?? fallback;
  if (typeof name === 'string' && NAME.test(name)) return name;
  throw new MxcpError(
    'usage',
    `${flag} must be letters, digits, "-" and "_", starting with a letter or digit, not ${JSON.stringify(name)}`,
  );
}

/** Throws before anything is written, so that an existing project is never mixed with a new one. */
function refuseExisting(folder: string, files: readonly ProjectFile[]): void {
  const existing = files.map(({ path }) => path).filter((path) => existsSync(join(folder, path)));
  if (existing.length === 0) return;
  throw new MxcpError(
    'usage',
    `"${folder}" already has ${existing.join(', ')}, which is not overwritten; choose another folder`,
  );
}

/** A project inside a project is usually a mistake: from its folders above it, commands find the outer one. */
function refuseInside(folder: string): void {
  const above = dirname(folder);
  if (above === folder) return;
  if (!existsSync(join(above, SITE_FILE_NAME))) return refuseInside(above);
  throw new MxcpError(
    'usage',
    `this would create a project inside the project ${above}; choose a folder outside of it, or add \`--force\``,
  );
}

/** Writes all files or none: the next attempt would refuse a half-written project. */
async function writeFiles(folder: string, files: readonly ProjectFile[]): Promise<readonly string[]> {
  const written = new Disposer();
  try {
    for (const { path, text } of files) await writeNewFile(join(folder, path), text, written);
  } catch (error) {
    await written.dispose();
    throw new MxcpError('usage', `cannot write the project: ${messageOf(error)}`, { cause: error });
  }
  return files.map(({ path }) => path);
}

async function writeNewFile(file: string, text: string, written: Disposer): Promise<void> {
  const created = await createFolder(dirname(file));
  // It contains only files that were written here, and those are removed before it.
  if (created !== undefined) written.defer(() => rm(created, { recursive: true }));
  // `wx` does not overwrite a file that appeared in the meantime either.
  const handle = await open(file, 'wx');
  written.defer(() => rm(file));
  await handle.writeFile(text).finally(() => handle.close());
}

function nextSteps(folder: string, templates: readonly Template[]): readonly string[] {
  const quoted = /^[\w./-]+$/.test(folder) ? folder : JSON.stringify(folder);
  const enter = folder === '' ? [] : [`  cd ${quoted}`];
  const local = ['  mxcp validate', '  mxcp run tool hello -p name=Ada', '  mxcp dev', '  mxcp serve'];
  return [
    '\nNext:',
    ...enter,
    ...(templates.includes('project') ? local : []),
    ...(templates.includes('docker') ? ['  docker compose up --build'] : []),
  ];
}

interface ProjectFile {
  /** Relative to the project. */
  readonly path: string;
  readonly text: string;
}

/** `templates/` of the package, seen from the bundled command, and from the sources and what is compiled from them. */
const TEMPLATE_FOLDERS = ['../../templates/', '../../../templates/'];
/** Of templates whose files have another name in the project: npm packs no `.gitignore`. */
const HIDDEN_FILES = new Map([
  ['gitignore', '.gitignore'],
  ['dockerignore', '.dockerignore'],
]);

/** The files of a template, with the names of the new project filled in. */
function readTemplate(
  name: Template,
  { project, profile }: Record<'project' | 'profile', string>,
): readonly ProjectFile[] {
  const candidates = TEMPLATE_FOLDERS.map((folder) => fileURLToPath(new URL(`${folder}${name}`, import.meta.url)));
  const root = candidates.find((folder) => existsSync(folder));
  if (root === undefined) throw new Error(`the templates of mxcp are missing: ${candidates.join(', ')}`);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
    .map((path) => ({
      path: HIDDEN_FILES.get(path) ?? path,
      text: readFileSync(join(root, path), 'utf8')
        .replaceAll('PROJECT', project)
        .replaceAll('PROFILE', profile)
        .replaceAll('VERSION', version),
    }));
}
