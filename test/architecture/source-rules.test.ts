import { describe, expect, it } from 'vitest';
import {
  findLongFiles,
  findSnakeCaseKeys,
  findSwitchedOffChecks,
  findUnsafeTypes,
  findWildcards,
  findWrongIndexes,
  findWrongNames,
} from './source-rules.js';
import { findFragments } from './import-cycles.js';
import { readSourceTree, type SourceTree } from './source-tree.js';

const everything = readSourceTree('src');
/** What runs within Python processes. */
const PYTHON = 'src/python/worker/';
const src = below(everything, (path) => !path.startsWith(PYTHON));

function below(tree: SourceTree, accepts: (path: string) => boolean): SourceTree {
  return new Map([...tree].filter(([path]) => accepts(path)));
}

describe('the sources', () => {
  it('are TypeScript only', () => {
    expect([...src.keys()].filter((path) => !path.endsWith('.ts'))).toEqual([]);
  });

  it('are Python within the worker, in files that other Python can import and of no more than 400 lines', () => {
    const worker = below(everything, (path) => path.startsWith(PYTHON) && !path.includes('/__pycache__/'));
    expect(worker.size).toBeGreaterThan(5);
    expect([...worker.keys()].filter((path) => !/\/[a-z_]+\.py$/.test(path))).toEqual([]);
    expect(findLongFiles(worker)).toEqual([]);
  });

  it('have no file beyond 400 lines', () => expect(findLongFiles(src)).toEqual([]));
  it('have no file under 40 lines with a single importer, except those with a reason', () => {
    const reasons = {
      'src/policies/compile-policies.ts': 'loads the language of conditions, only for projects with policies',
      'src/version/version.ts': 'read by the command line before anything else is loaded',
    };
    expect(findFragments(src)).toEqual(Object.keys(reasons));
    expect(Object.keys(reasons).length).toBeLessThanOrEqual(10);
  });

  it('have names in kebab case that say something', () => expect(findWrongNames(src)).toEqual([]));
  it('switch no check off and put no work off', () => expect(findSwitchedOffChecks(src)).toEqual([]));
  it('use no `any` and assert nothing away with `!`', () => expect(findUnsafeTypes(src)).toEqual([]));
  it('have index.ts files that only export names', () => expect(findWrongIndexes(src)).toEqual([]));
  it('pass values on by name, not everything there is', () => expect(findWildcards(src)).toEqual([]));

  it('have no default exports', () => {
    expect([...src].filter(([, text]) => /^export default\b/m.test(text)).map(([path]) => path)).toEqual([]);
  });

  it('write to the console nowhere: results and errors leave through the output of a command', () => {
    expect([...src].filter(([, text]) => /\bconsole\.\w+\(/.test(text)).map(([path]) => path)).toEqual([]);
  });

  it('end the process at its edge only', () => {
    const enders = [...src].filter(([, text]) => /\bprocess\.(?:exit|abort)\(/.test(text)).map(([path]) => path);
    expect(enders.filter((path) => !path.startsWith('src/cli/'))).toEqual([]);
  });

  it('know the names of the wire format in the contract only, and not in what uses it', () => {
    const inside = below(
      src,
      (path) =>
        path === 'src/server/admin-ports.ts' ||
        path === 'src/reload/reload-runs.ts' ||
        (path.startsWith('src/admin/') && !path.startsWith('src/admin/client/')),
    );
    expect(inside.size).toBeGreaterThan(8);
    expect(findSnakeCaseKeys(inside)).toEqual([]);
    expect(findSnakeCaseKeys(below(src, (path) => path === 'src/contract/answers.ts'))).not.toEqual([]);
  });
});

describe('each rule', () => {
  const tree = (path: string, text: string): SourceTree => new Map([[path, text]]);

  it('finds what it is for', () => {
    expect(findLongFiles(tree('src/a/b.ts', 'x\n'.repeat(401)))).toEqual(['src/a/b.ts: 401 lines, 400 are the limit']);
    for (const path of ['src/a/Big.ts', 'src/utils/b.ts', 'src/a/string-helpers.ts', 'src/a/camelCase.ts'])
      expect(findWrongNames(tree(path, ''))).toEqual([path]);
    const markers = ['// @ts-ignore', '/* eslint-disable */', '// oxlint-disable-next-line x', '// TODO later'];
    for (const marker of markers) expect(findSwitchedOffChecks(tree('src/a/b.ts', marker))).toHaveLength(1);
    for (const unsafe of ['let a: any;', 'f(b as any)', 'a.b!.c', 'const x = list[0]!;'])
      expect(findUnsafeTypes(tree('src/a/b.ts', unsafe)), unsafe).toHaveLength(1);
    expect(findWrongIndexes(tree('src/a/index.ts', "export { a } from './a.js';\nexport const b = 1;\n"))).toEqual([
      'src/a/index.ts: export const b = 1',
    ]);
    expect(findWildcards(tree('src/a/index.ts', "export * from './inner.js';\n"))).toHaveLength(1);
    expect(findSnakeCaseKeys(tree('src/a/b.ts', '  readonly started_at: string;'))).toHaveLength(1);
  });

  it('lets pass what only looks like it', () => {
    expect(findUnsafeTypes(tree('src/a/b.ts', "if (!a) b = 'wow!'; // any: really!\nconst c = a !== b;"))).toEqual([]);
    expect(findWrongNames(tree('src/endpoints/wire-format.ts', ''))).toEqual([]);
    expect(findWrongIndexes(tree('src/a/index.ts', "/** Note; here. */\nexport type { A } from './a.js';\n"))).toEqual(
      [],
    );
  });
});
