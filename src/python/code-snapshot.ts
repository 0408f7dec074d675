import type { Dirent } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { messageOf, MxcpError } from '../errors/index.js';
import { DiskReader, FileReadError } from '../files/index.js';

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

/** Throws `python_failed` when there is too much, or when a file, or a folder whose code is needed, cannot be read. */
export async function readCodeSnapshot(folders: SnapshotFolders): Promise<CodeSnapshot> {
  const { projectRoot, pythonFolder } = folders;
  const reader = new SnapshotReader(pythonFolder);
  await reader.readFolder(projectRoot);
  if (!isWithin(pythonFolder, projectRoot)) await reader.readFolder(pythonFolder);
  const { sources, otherSources } = reader;
  reader.assertReadable(folders.targetFiles.map((file) => join(projectRoot, file)));
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
  readonly #pythonFolder: string;
  readonly #disk = new DiskReader();
  /** Folders that this user may not look into, and that may have nothing to do with Python. */
  readonly #refused = new Map<string, FileReadError>();
  #files = 0;
  #bytes = 0;

  constructor(pythonFolder: string) {
    this.#pythonFolder = pythonFolder;
  }

  /** Throws `python_failed` when one of these files was not found because a folder above it may not be read. */
  assertReadable(files: readonly string[]): void {
    for (const [folder, error] of this.#refused)
      if (files.some((file) => isWithin(file, folder))) throw codeNotReadable(folder, error);
  }

  async readFolder(folder: string): Promise<void> {
    const entries = await this.#list(folder);
    if (entries.some((entry) => ENVIRONMENT_MARKS.has(entry.name))) return;
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.name.startsWith('.') || SKIPPED_FOLDERS.has(entry.name)) continue;
      const kind = await this.#kindOf(entry, path);
      if (kind === 'file' && entry.name.endsWith('.py')) await this.#readFile(path);
      if (kind === 'folder' && (await this.#isNew(path))) await this.readFolder(path);
    }
  }

  /** A folder that is gone by now is nothing new. */
  async #isNew(folder: string): Promise<boolean> {
    try {
      const real = await this.#disk.realPath(folder);
      const isNew = !this.#seen.has(real);
      this.#seen.add(real);
      return isNew;
    } catch (error) {
      if (!(error instanceof FileReadError)) throw error;
      if (error.missing) return false;
      throw codeNotReadable(folder, error);
    }
  }

  async #list(folder: string): Promise<readonly Dirent[]> {
    if (isWithin(folder, this.#pythonFolder)) return listCodeFolder(folder, this.#disk);
    try {
      return await this.#disk.listFolder(folder);
    } catch (error) {
      if (!(error instanceof FileReadError)) throw error;
      if (!error.missing && !error.isRefused) throw codeNotReadable(folder, error);
      if (error.isRefused) this.#refused.set(folder, error);
      return [];
    }
  }

  async #kindOf(entry: Dirent, path: string): Promise<'file' | 'folder' | undefined> {
    if (entry.isFile()) return 'file';
    if (entry.isDirectory()) return 'folder';
    if (!entry.isSymbolicLink()) return undefined;
    try {
      const target = await this.#disk.stat(path);
      if (target.isFile()) return 'file';
      return target.isDirectory() ? 'folder' : undefined;
    } catch {
      // A link that leads nowhere.
      return undefined;
    }
  }

  async #readBytes(path: string): Promise<Buffer> {
    try {
      return await this.#disk.readFile(path, MAX_BYTES);
    } catch (error) {
      const message = `the Python file ${path} ${messageOf(error)}`;
      throw new MxcpError('python_failed', message, { cause: error, problems: [{ file: path, message }] });
    }
  }

  async #readFile(path: string): Promise<void> {
    const bytes = await this.#readBytes(path);
    this.#files += 1;
    this.#bytes += bytes.length;
    if (this.#files > MAX_FILES || this.#bytes > MAX_BYTES) throw tooMuch(path);
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes)) this.sources[path] = text;
    else this.otherSources[path] = bytes.toString('latin1');
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

/**
 * Whether anything in a folder would be imported: names that begin with `_` are only for other files. A missing folder has
 * none. Throws `python_failed` when this cannot be told.
 */
export function hasPythonFiles(folder: string): Promise<boolean> {
  return holdsPythonFiles(folder, new DiskReader());
}

async function holdsPythonFiles(folder: string, disk: DiskReader): Promise<boolean> {
  for (const entry of await listCodeFolder(folder, disk)) {
    if (entry.name.endsWith('.py') && !entry.name.startsWith('_')) return true;
    if (entry.isDirectory() && (await holdsPythonFiles(join(folder, entry.name), disk))) return true;
  }
  return false;
}

/** What is in a folder whose code is imported; nothing when it is missing. Throws `python_failed`. */
export async function listCodeFolder(folder: string, disk: DiskReader): Promise<readonly Dirent[]> {
  try {
    return await disk.listFolder(folder);
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    if (error.missing) return [];
    throw codeNotReadable(folder, error);
  }
}

export function codeNotReadable(folder: string, error: FileReadError): MxcpError {
  const mend = '; let this user read it (chmod u+rx, chown), or move it out of the project';
  const message = `the folder ${folder} ${error.message}${error.isRefused ? mend : ''}`;
  return new MxcpError('python_failed', message, { cause: error, problems: [{ file: folder, message }] });
}
