import type { Dirent } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';
import { messageOf, MxcpError } from '../errors/index.js';
import { DiskReader, FileReadError } from '../files/index.js';
import type { PythonSpec } from './python-spec.js';

/** More than a project has of its own. Only a folder of installed packages reaches it, which each reload would read again. */
const MAX_FILES = 20_000;
const MAX_BYTES = 128 * 1024 * 1024;

/** A folder with one of these is an environment of Python or conda, whose code is not the project's. */
const ENVIRONMENT_MARKERS: ReadonlySet<string> = new Set(['pyvenv.cfg', 'conda-meta']);
const SKIPPED_FOLDERS: ReadonlySet<string> = new Set(['node_modules', '__pycache__', 'site-packages']);

/** Whether a folder has only code that is not the project's own: installed packages, an environment, compiled code. */
export function isForeignFolder(folder: string, entries: readonly { readonly name: string }[]): boolean {
  return SKIPPED_FOLDERS.has(basename(folder)) || entries.some(({ name }) => ENVIRONMENT_MARKERS.has(name));
}

/** All Python sources of a project at one moment, by absolute path. Workers import from it, also those that start later. */
export interface CodeSnapshot {
  readonly sources: Readonly<Record<string, string>>;
  /** Sources that are not UTF-8, with one character for each byte. */
  readonly otherSources: Readonly<Record<string, string>>;
  /** What is imported at the start, relative to the project root: public files of the Python folder, and all targets. */
  readonly imports: readonly string[];
}

/** Throws `python_failed` when there is too much, or when a file, or a folder whose code is needed, cannot be read. */
export async function readCodeSnapshot(
  spec: Pick<PythonSpec, 'projectRoot' | 'pythonFolder' | 'targets'>,
): Promise<CodeSnapshot> {
  const { projectRoot, pythonFolder } = spec;
  const targetFiles = spec.targets.map(({ file }) => file);
  const reader = new SnapshotReader(pythonFolder);
  await reader.readFolder(projectRoot);
  if (!isWithin(pythonFolder, projectRoot)) await reader.readFolder(pythonFolder);
  reader.assertReadable(targetFiles.map((file) => join(projectRoot, file)));
  const { sources, otherSources } = reader;
  const own = [...Object.keys(sources), ...Object.keys(otherSources)]
    .filter((path) => isWithin(path, pythonFolder) && !path.slice(path.lastIndexOf(sep) + 1).startsWith('_'))
    .map((path) => relative(projectRoot, path).replaceAll(sep, '/'));
  return { sources, otherSources, imports: [...new Set([...own.sort(), ...targetFiles])] };
}

class SnapshotReader {
  readonly sources: Record<string, string> = {};
  readonly otherSources: Record<string, string> = {};
  /** Real paths: a link may lead back to a folder above it. */
  readonly #seen = new Set<string>();
  readonly #pythonFolder: string;
  readonly #disk = new DiskReader();
  /** Folders that this user may not read, and that need not have anything to do with Python. */
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
    if (entries.some((entry) => ENVIRONMENT_MARKERS.has(entry.name))) return;
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.name.startsWith('.') || SKIPPED_FOLDERS.has(entry.name)) continue;
      const kind = await this.#kindOf(entry, path);
      if (kind?.isDirectory() === true && (await this.#isNew(path))) await this.readFolder(path);
      // Also a device or a pipe, so that it is refused by name; an import would only report that there is no such module.
      if (kind?.isDirectory() === false && entry.name.endsWith('.py')) await this.#readFile(path);
    }
  }

  /** A folder that was removed in the meantime counts as read. */
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
    try {
      return await this.#disk.listIfThere(folder);
    } catch (error) {
      const isOptional = !isWithin(folder, this.#pythonFolder);
      if (!isOptional || !(error instanceof FileReadError) || !error.isRefused) throw codeNotReadable(folder, error);
      this.#refused.set(folder, error);
      return [];
    }
  }

  /** The type of an entry, or of what a link leads to; undefined for a broken link. */
  async #kindOf(entry: Dirent, path: string): Promise<Pick<Dirent, 'isFile' | 'isDirectory'> | undefined> {
    if (!entry.isSymbolicLink()) return entry;
    try {
      return await this.#disk.stat(path);
    } catch {
      return undefined;
    }
  }

  async #readFile(path: string): Promise<void> {
    const bytes = await this.#disk.readFile(path, MAX_BYTES).catch((error: unknown) => {
      const message = `the Python file ${path} ${messageOf(error)}`;
      throw new MxcpError('python_failed', message, { cause: error, problems: [{ file: path, message }] });
    });
    this.#files += 1;
    this.#bytes += bytes.length;
    if (this.#files > MAX_FILES || this.#bytes > MAX_BYTES) {
      throw new MxcpError(
        'python_failed',
        `the project has more than ${MAX_FILES} Python files or ${MAX_BYTES / 1024 / 1024} MiB of them (reached at ${path}); ` +
          'move code that is not its own, such as installed packages, into a folder whose name begins with a dot',
      );
    }
    const text = bytes.toString('utf8');
    if (Buffer.from(text).equals(bytes)) this.sources[path] = text;
    else this.otherSources[path] = bytes.toString('latin1');
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder + sep);
}

/** `python_failed` for a folder whose code is needed; any other error than one of reading stays as it is. */
export function codeNotReadable(folder: string, error: unknown): unknown {
  if (!(error instanceof FileReadError)) return error;
  const advice = '; let this user read it (chmod u+rx, chown), or move it out of the project';
  const message = `the folder ${folder} ${error.message}${error.isRefused ? advice : ''}`;
  return new MxcpError('python_failed', message, { cause: error, problems: [{ file: folder, message }] });
}
