import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { join, relative, sep } from 'node:path';
import type { ResolvedConfig } from '../../config/index.js';
import { decodeText, DiskReader, FileReadError } from '../../files/index.js';
import { EventLoopBudget, mapParallel } from '../../lifecycle/index.js';
import { MAX_YAML_BYTES } from '../../yaml/index.js';
import type { DefinitionFingerprint, EndpointCatalog } from './endpoint-definition.js';

/** The part of the configuration that says where endpoints are. */
export type EndpointFolders = Pick<ResolvedConfig, 'projectRoot'> & {
  readonly paths: Pick<ResolvedConfig['paths'], 'tools' | 'resources' | 'prompts'>;
  readonly sqlTools: Pick<ResolvedConfig['sqlTools'], 'enabled'>;
};

/** Files read at the same time, which hides the latency of the disk. Each is processed as soon as its text arrives. */
export const PARALLEL_READS = 8;

/** A definition file, or a folder that cannot be read. `path` is absolute. */
export interface FoundDefinition {
  readonly path: string;
  readonly folderError?: FileReadError;
}

/**
 * All `.yml` and `.yaml` files below a folder, sorted by path; `onUnread` gets files such as `a.YML` and `a.yml.txt`. Names that
 * begin with a dot are left out. Symbolic links are followed, and no folder is entered twice, so a loop of links ends. A folder
 * that does not exist has no files.
 */
export async function findDefinitionFiles(
  folder: string,
  disk: DiskReader,
  onUnread: (path: string) => void = () => undefined,
): Promise<FoundDefinition[]> {
  const found: FoundDefinition[] = [];
  const visited = new Set<string>();
  const collect = async (each: string): Promise<void> => {
    try {
      for (const entry of await listNewFolder(each, disk, visited)) {
        const path = join(each, entry.name);
        // A folder with such a name is reported when it is read as a file.
        if (/\.ya?ml$/.test(entry.name)) found.push({ path });
        else if (await isFolder(entry, path, disk)) await collect(path);
        else if (/\.ya?ml(?:\.txt)?$/i.test(entry.name)) onUnread(path);
      }
    } catch (error) {
      if (!(error instanceof FileReadError)) throw error;
      if (!error.missing) found.push({ path: each, folderError: error });
    }
  };
  await collect(folder);
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function listNewFolder(folder: string, disk: DiskReader, visited: Set<string>): Promise<Dirent[]> {
  const entries = await disk.listFolder(folder);
  if (entries.length === 0) return [];
  const real = await disk.realPath(folder);
  if (visited.has(real)) return [];
  visited.add(real);
  return entries.filter(({ name }) => !name.startsWith('.'));
}

async function isFolder(entry: Dirent, path: string, disk: DiskReader): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return (await disk.stat(path)).isDirectory();
  } catch {
    // A broken link counts as a file. Reading that file reports the problem.
    return false;
  }
}

/** Of SQL and Python files: far more than a person writes. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** The content hash of files and folders that cannot be read. */
export const UNREADABLE = 'unreadable';

/** One file of a definition at the time it was read. Equal hashes mean equal content. */
export type DefinitionText = { readonly contentHash: string } & (
  | { readonly text: string }
  | { readonly text?: undefined; readonly error: FileReadError }
);

/** A file that an endpoint names. */
export type NamedBytes =
  | { readonly contentHash: string; readonly bytes: Buffer }
  | { readonly contentHash: string; readonly bytes?: undefined; readonly error: FileReadError };

export async function readNamedBytes(path: string, disk: DiskReader): Promise<NamedBytes> {
  try {
    const bytes = await disk.readFile(path, MAX_FILE_BYTES);
    return { contentHash: hashOf(bytes), bytes };
  } catch (error) {
    if (error instanceof FileReadError) return { contentHash: UNREADABLE, error };
    throw error;
  }
}

async function hashFile(path: string, disk: DiskReader): Promise<string> {
  return (await readNamedBytes(path, disk)).contentHash;
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads an endpoint file, or a file that an endpoint names. Of a file that is no text, only the hash is known. */
export async function readDefinitionText(
  path: string,
  disk: DiskReader,
  maxBytes = MAX_YAML_BYTES,
): Promise<DefinitionText> {
  let contentHash = UNREADABLE;
  try {
    const bytes = await disk.readFile(path, maxBytes);
    contentHash = hashOf(bytes);
    return { contentHash, text: decodeText(bytes) };
  } catch (error) {
    if (error instanceof FileReadError) return { contentHash, error };
    throw error;
  }
}

/** A path as problems and listings show it: relative to the project, with forward slashes. */
export function toProjectPath(projectRoot: string, path: string): string {
  return relative(projectRoot, path).split(sep).join('/');
}

/**
 * How the endpoint files on disk differ from those of a catalog, one line a file, sorted: `tools/sales.yml: changed`. Files
 * are read and hashed but not parsed, because every reload does this, also with a thousand files. Nothing is known of the
 * files in an unreadable folder, so for them the only line is `tools/more: unreadable`.
 */
export async function findDefinitionChanges(
  { projectRoot, paths }: EndpointFolders,
  { fingerprints }: Pick<EndpointCatalog, 'fingerprints'>,
): Promise<string[]> {
  const disk = new DiskReader();
  const budget = new EventLoopBudget();
  const changes: string[] = [];
  const seen = new Set<string>();
  const unreadable: string[] = [];
  for (const folder of [paths.tools, paths.resources, paths.prompts]) {
    const found = await findDefinitionFiles(folder, disk);
    await mapParallel(found, PARALLEL_READS, async (each) => {
      const path = toProjectPath(projectRoot, each.path);
      seen.add(path);
      if (each.folderError !== undefined) unreadable.push(path);
      const change = await findChange(each, fingerprints.get(path), { projectRoot, disk });
      if (change !== undefined) changes.push(`${path}: ${change}`);
      await budget.spend();
    });
  }
  const removed = [...fingerprints.keys()].filter(
    (path) => !seen.has(path) && !unreadable.some((folder) => path.startsWith(`${folder}/`)),
  );
  return [...changes, ...removed.map((path) => `${path}: removed`)].sort();
}

/** How the file of one endpoint differs on disk from a catalog, as `findDefinitionChanges` says it; undefined if it does not. */
export async function findDefinitionChange(
  projectRoot: string,
  { fingerprints }: Pick<EndpointCatalog, 'fingerprints'>,
  path: string,
): Promise<string | undefined> {
  const disk = new DiskReader();
  const found = { path: join(projectRoot, path) };
  const change = await findChange(found, fingerprints.get(path), { projectRoot, disk });
  if (change !== 'changed') return change && `${path}: ${change}`;
  const { error } = { error: undefined, ...(await readDefinitionText(found.path, disk)) };
  return `${path}: ${error?.missing === true ? 'removed' : change}`;
}

/** How a definition file and the files that it names differ from an earlier reading. Undefined if they do not. */
export async function findChange(
  found: FoundDefinition,
  known: DefinitionFingerprint | undefined,
  { projectRoot, disk }: { readonly projectRoot: string; readonly disk: DiskReader },
): Promise<'unreadable' | 'added' | 'changed' | undefined> {
  if (found.folderError !== undefined) return known?.contentHash === UNREADABLE ? undefined : 'unreadable';
  if (known === undefined) return 'added';
  const { contentHash, files = [] } = known;
  if ((await readDefinitionText(found.path, disk)).contentHash !== contentHash) return 'changed';
  for (const file of files)
    if ((await hashFile(join(projectRoot, file.path), disk)) !== file.contentHash) return 'changed';
  return undefined;
}
