import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../../errors/index.js';

/**
 * Absolute paths of all `.yml` and `.yaml` files under a folder, sorted. Names that begin with a dot are left out. Symbolic
 * links are followed; a folder that was already visited is not entered again, so a loop ends. What is no folder has none.
 */
export async function findDefinitionFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  await collect(folder, new Set(), found);
  return found.sort();
}

async function collect(folder: string, visited: Set<string>, found: string[]): Promise<void> {
  const entries = await entriesOf(folder);
  if (entries.length === 0) return;
  const real = await realpath(folder);
  if (visited.has(real)) return;
  visited.add(real);
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    const path = join(folder, entry.name);
    if (await isFolder(entry, path)) await collect(path, visited, found);
    else if (/\.ya?ml$/.test(entry.name)) found.push(path);
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // A link that leads nowhere: reading it as a file gives the problem its name.
    return false;
  }
}
