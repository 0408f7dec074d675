import { basename } from 'node:path';
import { lineOf, type SourceTree } from './source-tree.js';

const MAX_LINES = 400;
const FORBIDDEN_NAME = /(?:^|-)(?:utils?|helpers?|common|misc|manager|service)(?:-|$)|^types$/;
const KEBAB_CASE = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** What switches a check off, and work that was put off. */
const SWITCHED_OFF =
  /@ts-(?:ignore|expect-error|nocheck)|(?:eslint|oxlint)-disable|biome-ignore|\b(?:TODO|FIXME|XXX)\b/g;

/** `any` as a type, and `!` after a name, a call or an index. */
const UNSAFE = /:\s*any\b|\bas any\b|<any>|[\w)\]]!(?:[.;,)\]]|\s*$)/gm;

export function findLongFiles(tree: SourceTree): readonly string[] {
  return [...tree]
    .map(([path, text]) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path}: ${lines} lines, ${MAX_LINES} are the limit`);
}

/** Paths of which a folder or the file has another name than the house rules allow. */
export function findWrongNames(tree: SourceTree): readonly string[] {
  return [...tree.keys()].filter((path) => {
    const [, ...parts] = path.replace(/(?:\.d)?\.ts$/, '').split('/');
    return parts.some((part) => !KEBAB_CASE.test(part) || FORBIDDEN_NAME.test(part));
  });
}

export function findSwitchedOffChecks(tree: SourceTree): readonly string[] {
  return findAll(tree, SWITCHED_OFF);
}

export function findUnsafeTypes(tree: SourceTree): readonly string[] {
  return findAll(new Map([...tree].map(([path, text]) => [path, withoutTextAndComments(text)])), UNSAFE);
}

/** `index.ts` files that do more than to pass names on. */
export function findWrongIndexes(tree: SourceTree): readonly string[] {
  return [...tree]
    .filter(([path]) => basename(path) === 'index.ts')
    .flatMap(([path, text]) => {
      const statements = text
        .replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
        .split(';')
        .map((statement) => statement.trim())
        .filter((statement) => statement !== '');
      return statements
        .filter((statement) => !/^export (?:type )?(?:\{[^}]*\}|\*) from '[^']+'$/.test(statement))
        .map((statement) => `${path}: ${statement.split('\n', 1)[0]}`);
    });
}

/** `export *` of values, of anything but a folder within, whose own index.ts names what it exports. */
export function findWildcards(tree: SourceTree): readonly string[] {
  return [...tree].flatMap(([path, text]) =>
    [...text.matchAll(/^export \* (?:as \w+ )?from '([^']+)'/gm)]
      .filter(([, specifier = '']) => !/^\.\/[a-z-]+\/index\.js$/.test(specifier))
      .map((match) => `${path}:${lineOf(text, match.index)}: ${match[0]}`),
  );
}

/** Keys in snake_case: the wire format, which only some folders may know. */
export function findSnakeCaseKeys(tree: SourceTree): readonly string[] {
  return findAll(tree, /\b(?:readonly )?[a-z]+(?:_[a-z]+)+\??: /g);
}

function findAll(tree: SourceTree, pattern: RegExp): readonly string[] {
  return [...tree].flatMap(([path, text]) =>
    [...text.matchAll(pattern)].map((match) => `${path}:${lineOf(text, match.index)}: ${match[0].trim()}`),
  );
}

/** Strings, templates and comments become blanks of the same number of lines. */
function withoutTextAndComments(text: string): string {
  return text.replaceAll(
    /\/\*[\s\S]*?\*\/|\/\/.*$|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/gm,
    (found) => "''" + '\n'.repeat(found.split('\n').length - 1),
  );
}
