import { describe, expect, it } from 'vitest';
import { findImportersOf, findLoadedPackages, findWrongImports, folderOf, parseRanks } from './import-rules.js';
import { findCycles, findFolderCycles } from './import-cycles.js';
import { findImports } from './imports.js';
import { readDocument, readSourceTree, type SourceTree } from './source-tree.js';

const src = readSourceTree('src');
const ranks = parseRanks(readDocument('ARCHITECTURE.md'));

describe('the ranks', () => {
  it('are in ARCHITECTURE.md for every folder of src, and for nothing else', () => {
    const folders = new Set([...src.keys()].map(folderOf));
    expect([...ranks.keys()].sort()).toEqual([...folders].sort());
  });

  it('go from what everything may use to the edge of the process', () => {
    expect(Object.fromEntries(ranks)).toMatchObject({
      errors: 0,
      logging: 1,
      version: 0,
      caller: 1,
      lifecycle: 1,
      files: 2,
      contract: 2,
      http: 2,
      settings: 3,
      yaml: 3,
      secrets: 4,
      config: 5,
      duckdb: 6,
      python: 7,
      values: 7,
      prompts: 7,
      endpoints: 8,
      reload: 8,
      mcp: 9,
      admin: 9,
      project: 9,
      server: 10,
      cli: 11,
    });
  });
});

describe('imports', () => {
  it('point to lower ranks only, through the index.ts of a folder', () => {
    expect(findWrongImports(src, ranks)).toEqual([]);
  });

  it('never lead back to the file that they began in', () => {
    expect(findCycles(src)).toEqual([]);
  });

  it('never lead from a folder back to it through another folder, at any depth', () => {
    expect(findFolderCycles(src)).toEqual([]);
  });

  it('are found in the sources at all', () => {
    const all = [...src.values()].flatMap(findImports);
    expect(all.length).toBeGreaterThan(src.size);
    const server = findImports(src.get('src/server/server.ts') ?? '').map(({ specifier }) => specifier);
    expect(server).toEqual(expect.arrayContaining(['../secrets/index.js', '../reload/index.js']));
    const commands = findImports(src.get('src/cli/command-table.ts') ?? '').map(({ specifier }) => specifier);
    expect(commands).toContain('./commands/serve.js');
  });

  it('reach DuckDB in one folder only', () => {
    const importers = findImportersOf(src, '@duckdb/node-api');
    expect(importers.length).toBeGreaterThan(0);
    expect(importers.filter((path) => !path.startsWith('src/duckdb/'))).toEqual([]);
  });

  it('create a DuckDB instance in one file only', () => {
    const creators = [...src].filter(([, text]) => /\bDuckDBInstance\.\w+\(/.test(text)).map(([path]) => path);
    expect(creators).toEqual(['src/duckdb/files/database-file.ts']);
  });

  it('load no package, native or not, with the client of the admin API', () => {
    expect([...findLoadedPackages(src, 'src/admin/client/index.ts')]).toEqual([]);
  });

  it('load no database with a command line that only prints help', () => {
    expect([...findLoadedPackages(src, 'src/cli/terminal/output.ts')]).not.toContain('@duckdb/node-api');
    expect([...findLoadedPackages(src, 'src/server/index.ts')]).toContain('@duckdb/node-api');
  });
});

describe('a wrong arrow', () => {
  const files = {
    'src/errors/index.ts': 'export const a = 1;\n',
    'src/config/index.ts': "export { b } from './inner.js';\n",
    'src/config/inner.ts': 'export const b = 1;\n',
    'src/mcp/index.ts': 'export const c = 1;\n',
    'src/admin/index.ts': "import { a } from '../errors/index.js';\nexport const d = a;\n",
    'src/admin/client/index.ts': 'export const e = 1;\n',
    'src/cli/index.ts': "import { e } from '../admin/client/index.js';\nexport const f = e;\n",
  };
  const withFile = (path: string, text: string): SourceTree => new Map([...Object.entries(files), [path, text]]);

  it('is not seen where there is none', () => {
    expect(findWrongImports(new Map(Object.entries(files)), ranks)).toEqual([]);
  });

  it.each([
    ['up', 'src/config/x.ts', "import { c } from '../mcp/index.js';", 'config (rank 5) must not import mcp (rank 9)'],
    [
      'sideways',
      'src/mcp/x.ts',
      "import { d } from '../admin/index.js';",
      'mcp (rank 9) must not import admin (rank 9)',
    ],
    [
      'of types',
      'src/errors/x.ts',
      "import type { B } from '../config/index.js';",
      'errors (rank 0) must not import config (rank 5)',
    ],
    [
      'of a re-export',
      'src/errors/x.ts',
      "export { b } from '../config/index.js';",
      'errors (rank 0) must not import config (rank 5)',
    ],
    [
      'of everything',
      'src/errors/x.ts',
      "export * from '../config/index.js';",
      'errors (rank 0) must not import config (rank 5)',
    ],
    [
      'for its effects',
      'src/errors/x.ts',
      "import '../config/index.js';",
      'errors (rank 0) must not import config (rank 5)',
    ],
    [
      'over many lines',
      'src/errors/x.ts',
      "import {\n  a,\n  type B,\n} from '../config/index.js';",
      'errors (rank 0) must not import config (rank 5)',
    ],
    [
      'while it runs',
      'src/errors/x.ts',
      "export const f = () => import('../config/index.js');",
      'errors (rank 0) must not import config (rank 5)',
    ],
    [
      'of a type in place',
      'src/errors/x.ts',
      "let b: import('../config/index.js').B;",
      'errors (rank 0) must not import config (rank 5)',
    ],
    [
      'past an index.ts',
      'src/mcp/x.ts',
      "import { b } from '../config/inner.js';",
      'enters config past its index.ts: ../config/inner.js',
    ],
    [
      'from admin to config',
      'src/admin/x.ts',
      "import { b } from '../config/index.js';",
      'admin imports ranks 0 to 2 only, not config (rank 5)',
    ],
    [
      'to nowhere',
      'src/mcp/x.ts',
      "import { b } from '../gone/index.js';",
      'imports ../gone/index.js, which is not a file of src',
    ],
    [
      'that hides',
      'src/mcp/x.ts',
      'export const f = (name: string) => import(name);',
      'what is imported cannot be read from the source',
    ],
    [
      'by CommonJS',
      'src/mcp/x.ts',
      "const b = require('../config/inner.js');",
      'enters config past its index.ts: ../config/inner.js',
    ],
  ])('%s is found', (_way, path, text, message) => {
    expect(findWrongImports(withFile(path, `${text}\n`), ranks)).toEqual([`${path}:1: ${message}`]);
  });

  it('from a folder without a rank is found', () => {
    expect(findWrongImports(withFile('src/extra/x.ts', ''), ranks)).toEqual([
      'src/extra/x.ts: no rank for this folder in ARCHITECTURE.md',
    ]);
  });

  it('to a package is followed through files', () => {
    const tree = withFile('src/admin/client/index.ts', "export { x } from './x.js';\n");
    const deep = new Map([...tree, ['src/admin/client/x.ts', "import { z } from 'zod/v4';\nexport const x = z;\n"]]);
    expect([...findLoadedPackages(deep, 'src/admin/client/index.ts')]).toEqual(['zod']);
  });
});

describe('a cycle', () => {
  const tree = (files: Readonly<Record<string, string>>): SourceTree =>
    new Map(Object.entries(files).map(([name, text]) => [`src/config/${name}.ts`, `${text}\n`]));

  it('is not seen where two ways lead to one file', () => {
    const files = { a: "import './b.js';\nimport './c.js';", b: "import './c.js';", c: '' };
    expect(findCycles(tree(files))).toEqual([]);
  });

  it.each([
    ['of values', "import { b } from './b.js';"],
    ['of types', "import type { B } from './b.js';"],
    ['of a type in place', "let b: import('./b.js').B;"],
    ['of a re-export', "export { b } from './b.js';"],
    ['while it runs', "export const b = () => import('./b.js');"],
  ])('%s is found', (_kind, text) => {
    const files = { a: text, b: "import type { A } from './a.js';" };
    expect(findCycles(tree(files))).toEqual(['src/config/a.ts → src/config/b.ts → src/config/a.ts']);
  });

  it('through other files, away from where one looks first, is found once', () => {
    const files = {
      first: "import './a.js';\nimport './b.js';",
      a: "import './b.js';",
      b: "import './c.js';",
      c: "import './a.js';",
    };
    expect(findCycles(tree(files))).toEqual(['src/config/a.ts → src/config/b.ts → src/config/c.ts → src/config/a.ts']);
  });

  it('of a file with itself is found', () => {
    expect(findCycles(tree({ a: "import './a.js';" }))).toEqual(['src/config/a.ts → src/config/a.ts']);
  });
});

describe('a cycle of folders', () => {
  it('is found between inner folders, and between a folder and one inside it', () => {
    const inner = new Map([
      ['src/config/a/x.ts', "import '../b/x.js';\n"],
      ['src/config/b/x.ts', "import type { Y } from '../a/y.js';\n"],
      ['src/config/a/y.ts', ''],
    ]);
    expect(findFolderCycles(inner)).toEqual(['src/config/a → src/config/b → src/config/a']);
    const outer = new Map([
      ['src/config/x.ts', "import './a/x.js';\n"],
      ['src/config/a/x.ts', "import '../y.js';\n"],
      ['src/config/y.ts', ''],
    ]);
    expect(findFolderCycles(outer)).toEqual(['src/config → src/config/a → src/config']);
  });

  it('is not found where only an index.ts leads into a folder', () => {
    const tree = new Map([
      ['src/config/index.ts', "export { x } from './a/x.js';\n"],
      ['src/config/a/x.ts', "import '../y.js';\n"],
      ['src/config/y.ts', ''],
    ]);
    expect(findFolderCycles(tree)).toEqual([]);
  });
});
