import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Absolute paths of all `.yml` and `.yaml` files under a folder, sorted. Names that begin with a dot are left out. Symbolic
 * links are followed; a folder that was already visited is not entered again, so a loop ends. A missing folder has none.
 */
export async function findDefinitionFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  await collect(folder, new Set(), found);
  return found.sort();
}

async function collect(folder: string, visited: Set<string>, found: string[]): Promise<void> {
  const names = await namesIn(folder);
  const real = names.length === 0 ? folder : await realpath(folder);
  if (visited.has(real)) return;
  visited.add(real);
  for (const name of names) {
    if (name.startsWith('.')) continue;
    const path = join(folder, name);
    if (await isFolder(path)) await collect(path, visited, found);
    else if (/\.ya?ml$/.test(name)) found.push(path);
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // A link that leads nowhere: reading it as a file gives the problem its name.
    return false;
  }
}
