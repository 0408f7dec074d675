import { findImports, targetOf } from './imports.js';
import type { SourceTree } from './source-tree.js';

/**
 * Files that import each other, directly or through others, `a.ts → b.ts → a.ts`. Imports of types count, and so do those
 * made while the program runs: such files can only be understood together. Of cycles that share files one is enough.
 */
export function findCycles(tree: SourceTree): readonly string[] {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const begin = trail.indexOf(path);
    if (begin >= 0) cycles.push([...trail.slice(begin), path].join(' → '));
    if (begin >= 0 || done.has(path)) return;
    for (const next of filesImportedBy(path, tree)) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of tree.keys()) visit(path, []);
  return cycles;
}

function filesImportedBy(path: string, tree: SourceTree): readonly string[] {
  const targets = findImports(tree.get(path) ?? '').flatMap(({ specifier }) =>
    specifier?.startsWith('.') === true ? [targetOf(path, specifier)] : [],
  );
  return [...new Set(targets)].filter((target) => tree.has(target));
}
