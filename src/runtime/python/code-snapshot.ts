import type { Dirent } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { errorCodeOf, MxcpError } from '../../errors/index.js';

/** More than any project writes itself; a folder of installed packages reaches it, and is better not read at each reload. */
const MAX_FILES = 20_000;
const MAX_BYTES = 128 * 1024 * 1024;

/** Folders with other people's code: an environment of Python's own or of conda. */
const ENVIRONMENT_MARKS: ReadonlySet<string> = new Set(['pyvenv.cfg', 'conda-meta']);
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'site-packages']);

/** All Python sources of a project at one moment, by absolute path. Workers import from it, also those that start later. */
export interface CodeSnapshot {
  readonly sources: Readonly<Record<string, string>>;
  /** Those that are not UTF-8, a character for each byte. */
  readonly otherSources: Readonly<Record<string, string>>;
  /** What is imported at the start, relative to the project root: public files of the Python folder, and all targets. */
  readonly imports: readonly string[];
}

export interface SnapshotFolders {
  readonly projectRoot: string;
  readonly pythonFolder: string;
  readonly targetFiles: readonly string[];
}

/** Throws `python_failed` when there is too much, or a file cannot be read. */
export async function readCodeSnapshot(folders: SnapshotFolders): Promise<CodeSnapshot> {
  const { projectRoot, pythonFolder } = folders;
  const reader = new SnapshotReader();
  await reader.readFolder(projectRoot);
  if (!isWithin(pythonFolder, projectRoot)) await reader.readFolder(pythonFolder);
  const { sources, otherSources } = reader;
  const own = [...Object.keys(sources), ...Object.keys(otherSources)]
    .filter((path) => isWithin(path, pythonFolder) && !path.slice(path.lastIndexOf(sep) + 1).startsWith('_'))
    .map((path) => relative(projectRoot, path).replaceAll(sep, '/'));
  return { sources, otherSources, imports: [...new Set([...own.sort(), ...folders.targetFiles])] };
}

class SnapshotReader {
  readonly sources: Record<string, string> = {};
  readonly otherSources: Record<string, string> = {};
  /** Real paths: a link may lead back to a folder above it. */
  readonly #seen = new Set<string>();
  #files = 0;
  #bytes = 0;

  async readFolder(folder: string): Promise<void> {
    const entries = await listFolder(folder);
    if (entries.some((entry) => ENVIRONMENT_MARKS.has(entry.name))) return;
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.name.startsWith('.') || SKIPPED_FOLDERS.has(entry.name)) continue;
      const kind = await kindOf(entry, path);
      if (kind === 'file' && entry.name.endsWith('.py')) await this.#readFile(path);
      if (kind === 'folder' && (await this.#isNew(path))) await this.readFolder(path);
    }
  }

  async #isNew(folder: string): Promise<boolean> {
    const real = await realpath(folder);
    const isNew = !this.#seen.has(real);
    this.#seen.add(real);
    return isNew;
  }

  async #readFile(path: string): Promise<void> {
    const bytes = await readSource(path);
    this.#files += 1;
    this.#bytes += bytes.length;
    if (this.#files > MAX_FILES || this.#bytes > MAX_BYTES) throw tooMuch(path);
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes)) this.sources[path] = text;
    else this.otherSources[path] = bytes.toString('latin1');
  }
}

async function listFolder(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    // A folder that is not there, or that nobody may look into, has no code: an endpoint that names a file in it says so.
    return [];
  }
}

async function kindOf(entry: Dirent, path: string): Promise<'file' | 'folder' | undefined> {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  if (!entry.isSymbolicLink()) return undefined;
  try {
    const target = await stat(path);
    if (target.isFile()) return 'file';
    return target.isDirectory() ? 'folder' : undefined;
  } catch {
    // A link that leads nowhere.
    return undefined;
  }
}

async function readSource(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = errorCodeOf(error) ?? 'unknown reason';
    throw new MxcpError('python_failed', `the Python file ${path} cannot be read: ${reason}`, {
      cause: error,
    });
  }
}

function tooMuch(path: string): MxcpError {
  return new MxcpError(
    'python_failed',
    `the project has more than ${MAX_FILES} Python files or ${MAX_BYTES / 1024 / 1024} MiB of them (reached at ${path}); ` +
      'move what is not its own code, such as installed packages, into a folder whose name begins with a dot',
  );
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}
