import type { Dirent } from 'node:fs';
import { join } from 'node:path';
import { type DiskReader, FileReadError } from '../../files/index.js';

/** A file that defines something, or a folder that cannot be looked into. Absolute. */
export type FoundDefinition =
  | { readonly path: string }
  | { readonly path: string; readonly folderError: FileReadError };

/**
 * All `.yml` and `.yaml` files under a folder, sorted. Names that begin with a dot are left out. Symbolic links are followed;
 * a folder that was already visited is not entered again, so a loop ends. What is no folder has none.
 */
export async function findDefinitionFiles(folder: string, disk: DiskReader): Promise<FoundDefinition[]> {
  const search: Search = { disk, visited: new Set(), found: [] };
  await collect(folder, search);
  return search.found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface Search {
  readonly disk: DiskReader;
  readonly visited: Set<string>;
  readonly found: FoundDefinition[];
}

async function collect(folder: string, search: Search): Promise<void> {
  try {
    await collectEntries(folder, search);
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    if (!error.missing) search.found.push({ path: folder, folderError: error });
  }
}

async function collectEntries(folder: string, search: Search): Promise<void> {
  const { disk, visited, found } = search;
  const entries = await disk.listFolder(folder);
  if (entries.length === 0) return;
  const real = await disk.realPath(folder);
  if (visited.has(real)) return;
  visited.add(real);
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (await isFolder(entry, path, disk)) await collect(path, search);
    else if (/\.ya?ml$/.test(entry.name)) found.push({ path });
  }
}

async function isFolder(entry: Dirent, path: string, disk: DiskReader): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return (await disk.stat(path)).isDirectory();
  } catch {
    // A link that leads nowhere: reading it as a file gives the problem its name.
    return false;
  }
}
