import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codesOf, docFiles, readPage, repository } from './doc-blocks.js';

interface Link {
  readonly file: string;
  readonly target: string;
}

const links: readonly Link[] = docFiles().flatMap((file) =>
  [...withoutBlocks(readPage(file)).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => ({ file, target: target ?? '' }))
    .filter(({ target }) => !/^https?:/.test(target)),
);

function withoutBlocks(page: string): string {
  return page.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

/** The anchors of a page, as the places that show Markdown make them from headings. */
function anchorsOf(file: string): readonly string[] {
  const headings = withoutBlocks(readPage(file)).matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

describe('links between pages', () => {
  it.each(links)('$file → $target leads somewhere', ({ file, target }) => {
    const [path = '', anchor] = target.split('#', 2);
    const page = path === '' ? file : normalize(join(dirname(file), path));
    expect(existsSync(join(repository, page)), page).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(page)).toContain(anchor);
  });
});

describe('paths that pages for developers name', () => {
  const paths = ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/reading-order.md'].flatMap((file) =>
    codesOf(withoutBlocks(readPage(file))).filter((code) =>
      /^(src|test|docs|bin|bench|examples|scripts)\/[\w./-]+$/.test(code),
    ),
  );

  it.each([...new Set(paths)])('%s exists', (path) => {
    expect(existsSync(join(repository, path))).toBe(true);
  });
});
