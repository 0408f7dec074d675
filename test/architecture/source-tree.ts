import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

/** Source text by path from the root of the repository, e.g. `src/config/redact.ts`. */
export type SourceTree = ReadonlyMap<string, string>;

export function readDocument(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function readSourceTree(folder: string): SourceTree {
  const entries = readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort();
  return new Map(files.map((path) => [path, readDocument(path)]));
}

export function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}
