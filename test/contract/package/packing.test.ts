import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, normalize, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository } from '../docs/doc-blocks.js';

const LEFT_OUT = new Set(['node_modules', 'dist', '.git']);

let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), 'mxcp-pack-'));
  cpSync(repository, checkout, { recursive: true, filter: (path) => !LEFT_OUT.has(relative(repository, path)) });
  symlinkSync(join(repository, 'node_modules'), join(checkout, 'node_modules'));
});
afterAll(() => rmSync(checkout, { recursive: true, force: true }));

describe('the package', () => {
  it('is built when it is packed from a checkout that is not', () => {
    const packed = spawnSync('npm', ['pack', '--dry-run', '--json'], { cwd: checkout, encoding: 'utf8' });
    // npm writes this list.
    const [{ files }] = JSON.parse(packed.stdout) as [{ files: readonly { readonly path: string }[] }];
    const paths = files.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining([...namedFiles(), 'dist/command/main.js']));
    expect(paths.filter((path) => path.startsWith('dist/python/worker/'))).not.toEqual([]);
  }, 180_000);
});

/** What `bin` and `exports` lead to. */
function namedFiles(): readonly string[] {
  // Our own file.
  const { bin, exports } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    readonly bin: Readonly<Record<string, string>>;
    readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  };
  const exported = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  return [...Object.values(bin), ...exported].map(normalize);
}
