import { expect, it } from 'vitest';
import { findPrivateWords } from './plain-english.js';
import { readDocument, readSourceTree, type SourceTree } from './source-tree.js';

const FOLDERS = ['src', 'bin', 'bench', 'scripts', 'examples', 'docs', 'test'];
const DOCUMENTS = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'];
/** What is written for people. Recorded data and other people's texts are not ours to change. */
const OURS = /\.(?:ts|mjs|py|md|sh|yml)$|^bin\/mxcp$/;
const THIS_RULE = /^test\/architecture\/plain-english/;

function readTexts(): SourceTree {
  const files = FOLDERS.flatMap((folder) => [...readSourceTree(folder)]);
  const texts = new Map([...files, ...DOCUMENTS.map((path): [string, string] => [path, readDocument(path)])]);
  return new Map([...texts].filter(([path]) => (OURS.test(path) || DOCUMENTS.includes(path)) && !THIS_RULE.test(path)));
}

it('comments, messages, tests and documents use no private words', () => {
  const texts = readTexts();
  expect(texts.size).toBeGreaterThan(400);
  expect(findPrivateWords(texts)).toEqual([]);
});

it.each([
  ['told', 'is told of it'],
  ['mended', 'is mended by a restart'],
  ['Whoever', 'Whoever asks waits'],
  ['goes on', 'and goes on with the next'],
  ['what serves', 'compared with what serves'],
  ['stands', 'where it stands in the file'],
  ['the net', 'its error passes the net before'],
])('the word %s is found', (_word, text) => {
  expect(findPrivateWords(new Map([['src/a/b.ts', `// ${text}\n`]]))[0]).toMatch(/^src\/a\/b\.ts:1: /);
});

it('words that only contain a private one pass', () => {
  const text = '// understand, outstanding, network, recommend, indoor, planes, silent\n';
  expect(findPrivateWords(new Map([['src/a/b.ts', text]]))).toEqual([]);
});
