import { posix } from 'node:path';
import { findImports, targetOf } from './imports.js';
import type { SourceTree } from './source-tree.js';

/** What imports what: files by path, or folders by path. */
type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Files that import each other, directly or through others, as `a.ts → b.ts → a.ts`. Imports of types and imports made at
 * run time count too, because such files can only be understood together. Of several cycles through the same files, one is
 * reported.
 */
export function findCycles(tree: SourceTree): readonly string[] {
  return cyclesIn(new Map([...tree.keys()].map((path) => [path, filesImportedBy(path, tree)])));
}

/**
 * Folders that import each other at any depth. The files of a folder and those of a folder inside it count as two folders.
 * An `index.ts` imports on behalf of its readers, so its own imports do not count.
 */
export function findFolderCycles(tree: SourceTree): readonly string[] {
  const graph = new Map<string, Set<string>>();
  for (const path of tree.keys()) {
    if (posix.basename(path) === 'index.ts') continue;
    const folder = posix.dirname(path);
    const imported = graph.get(folder) ?? new Set<string>();
    graph.set(folder, imported);
    for (const target of filesImportedBy(path, tree))
      if (posix.dirname(target) !== folder) imported.add(posix.dirname(target));
  }
  return cyclesIn(graph);
}

function cyclesIn(graph: Graph): readonly string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (node: string, trail: readonly string[]): void => {
    const start = trail.indexOf(node);
    if (start >= 0) cycles.push([...trail.slice(start), node].join(' → '));
    if (start >= 0 || done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...trail, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return cycles;
}

export function filesImportedBy(path: string, tree: SourceTree): ReadonlySet<string> {
  const targets = findImports(tree.get(path) ?? '').flatMap(({ specifier }) =>
    specifier?.startsWith('.') === true ? [targetOf(path, specifier)] : [],
  );
  return new Set(targets.filter((target) => tree.has(target)));
}

const FRAGMENT_LINES = 40;

/** Files under 40 lines with a single importer, which belong into that importer. Commands are loaded one by one. */
export function findFragments(tree: SourceTree): readonly string[] {
  const importers = new Map<string, number>();
  for (const path of tree.keys())
    for (const target of filesImportedBy(path, tree)) importers.set(target, (importers.get(target) ?? 0) + 1);
  return [...tree]
    .filter(([path, text]) => text.split('\n').length - 1 < FRAGMENT_LINES && importers.get(path) === 1)
    .map(([path]) => path)
    .filter((path) => !/\/index\.ts$|^src\/cli\/commands\//.test(path));
}
