import { posix } from 'node:path';
import { lineOf } from './source-tree.js';

export interface Import {
  readonly line: number;
  /** As the source has it; undefined when it is not a plain string. */
  readonly specifier: string | undefined;
  /** Gone once compiled. */
  readonly isTypeOnly: boolean;
}

/** `import … from 'x'`, `export … from 'x'`, `import 'x'`: statements begin a line. */
const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[\w$*\s{},]*?\sfrom\s+)?['"]([^'"]+)['"]/gm;
/** `import('x')`, of a module or of its types. */
const DYNAMIC = /(?<![.\w])import\(\s*(?:['"]([^'"]+)['"])?/g;
/** `require('x')`, `createRequire(…)`: nothing here needs CommonJS. */
const COMMON_JS = /(?<![.\w])(?:require\(\s*['"]([^'"]+)['"]|createRequire\b)/g;

/** Every import of a file, however it is written. */
export function findImports(text: string): readonly Import[] {
  const statements = [...text.matchAll(STATEMENT)].map((match) => ({
    line: lineOf(text, match.index),
    specifier: match[2],
    isTypeOnly: match[1] !== undefined,
  }));
  const calls = [...text.matchAll(DYNAMIC), ...text.matchAll(COMMON_JS)].map((match) => ({
    line: lineOf(text, match.index),
    specifier: match[1],
    isTypeOnly: false,
  }));
  return [...statements, ...calls];
}

/** The file that a relative specifier names, as a path of the tree. */
export function targetOf(importer: string, specifier: string): string {
  return posix.join(posix.dirname(importer), specifier).replace(/\.js$/, '.ts');
}
