import { findImports, targetOf, type Import } from './imports.js';
import type { SourceTree } from './source-tree.js';

/** Rank by top folder of `src`. */
export type Ranks = ReadonlyMap<string, number>;

/**
 * Inner entrances that other folders may import: what the package exports, and what commands load that need
 * only a part of a folder.
 */
const INNER_ENTRANCES = ['src/admin/client/index.ts'];

/** Reads the table `| rank | folders | …` of ARCHITECTURE.md. */
export function parseRanks(document: string): Ranks {
  const rows = document.matchAll(/^\| (\d+) \| ([^|]+) \|/gm);
  return new Map(
    [...rows].flatMap(([, rank, folders = '']) =>
      [...folders.matchAll(/`([a-z-]+)`/g)].map(([, folder = '']): [string, number] => [folder, Number(rank)]),
    ),
  );
}

/** The top folder a file belongs to: `config` of `src/config/yaml/yaml-source.ts`. */
export function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

/** Every arrow that points to the same or a higher rank, passes an index.ts, or cannot be judged. */
export function findWrongImports(tree: SourceTree, ranks: Ranks): readonly string[] {
  return [...tree].flatMap(([path, text]) => {
    if (!ranks.has(folderOf(path))) return [`${path}: no rank for this folder in ARCHITECTURE.md`];
    return findImports(text).flatMap((found) => {
      const wrong = judge(path, found, { tree, ranks });
      return wrong === undefined ? [] : [`${path}:${found.line}: ${wrong}`];
    });
  });
}

function judge(
  path: string,
  { specifier }: Import,
  { tree, ranks }: { readonly tree: SourceTree; readonly ranks: Ranks },
): string | undefined {
  if (specifier === undefined) return 'what is imported cannot be read from the source';
  if (!specifier.startsWith('.')) return undefined;
  const target = targetOf(path, specifier);
  if (!tree.has(target)) return `imports ${specifier}, which is not a file of src`;
  const from = folderOf(path);
  const to = folderOf(target);
  if (from === to) return undefined;
  if (target !== `src/${to}/index.ts` && !INNER_ENTRANCES.includes(target))
    return `enters ${to} past its index.ts: ${specifier}`;
  const [own = -1, other = Infinity] = [ranks.get(from), ranks.get(to)];
  if (other >= own) return `${from} (rank ${own}) must not import ${to} (rank ${other})`;
  if (from === 'admin' && other > 2) return `admin imports ranks 0 to 2 only, not ${to} (rank ${other})`;
  return undefined;
}

/** The packages that are loaded together with a file, by package name; `node:` ones left out. */
export function findLoadedPackages(tree: SourceTree, entry: string): ReadonlySet<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { specifier, isTypeOnly } of findImports(tree.get(path) ?? '')) {
      if (specifier === undefined || isTypeOnly || specifier.startsWith('node:')) continue;
      if (specifier.startsWith('.')) visit(targetOf(path, specifier));
      else packages.add(toPackageName(specifier));
    }
  };
  visit(entry);
  return packages;
}

/** The files that import a package, types included. */
export function findImportersOf(tree: SourceTree, packageName: string): readonly string[] {
  return [...tree]
    .filter(([, text]) =>
      findImports(text).some(({ specifier }) => specifier !== undefined && toPackageName(specifier) === packageName),
    )
    .map(([path]) => path);
}

function toPackageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
