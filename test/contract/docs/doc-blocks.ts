import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../../..', import.meta.url));

/** One fenced block of a page. */
export interface DocBlock {
  /** Relative to the repository. */
  readonly file: string;
  /** Of the opening fence, from 1. */
  readonly line: number;
  /** The headings above it, outermost first. */
  readonly headings: readonly string[];
  readonly language: string;
  /** The words after the language. */
  readonly tags: readonly string[];
  readonly text: string;
}

/** Every page that a user reads. */
export function docFiles(): readonly string[] {
  const below = (folder: string): string[] =>
    readdirSync(join(repository, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name));
  const top = readdirSync(repository).filter((name) => name.endsWith('.md'));
  return [...top, ...below('docs'), ...below('examples')].sort();
}

export function readPage(file: string): string {
  return readFileSync(join(repository, file), 'utf8');
}

export function blocksOf(file: string): readonly DocBlock[] {
  const blocks: DocBlock[] = [];
  const headings: string[] = [];
  let open: { line: number; language: string; tags: string[]; lines: string[] } | undefined;
  for (const [index, text] of readPage(file).split('\n').entries()) {
    const fence = /^```(.*)$/.exec(text);
    if (open === undefined && fence !== null) {
      const [language = '', ...tags] = (fence[1] ?? '').trim().split(/\s+/);
      open = { line: index + 1, language, tags, lines: [] };
    } else if (open !== undefined && fence !== null) {
      const { line, language, tags, lines } = open;
      blocks.push({ file, line, headings: [...headings], language, tags, text: `${lines.join('\n')}\n` });
      open = undefined;
    } else if (open !== undefined) {
      open.lines.push(text);
    } else {
      const heading = /^(#+) (.*)$/.exec(text);
      if (heading !== null) headings.splice((heading[1] ?? '').length - 1, Infinity, heading[2] ?? '');
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: the block is never closed`);
  return blocks;
}

export function allBlocks(): readonly DocBlock[] {
  return docFiles().flatMap(blocksOf);
}

/** The first block under a heading in that language. */
export function blockUnder(file: string, heading: string, language: string): DocBlock {
  const found = blocksOf(file).find((block) => block.headings.includes(heading) && block.language === language);
  if (found === undefined) throw new Error(`${file} has no ${language} block under "${heading}"`);
  return found;
}

/** `docs/page.md:12 bash`, for the name of a test. */
export function nameOfBlock({ file, line, language, tags }: DocBlock): string {
  return [`${file}:${line}`, language, ...tags].join(' ');
}

/** The rows of the first table under a heading, without its head; cells as they are written. */
export function tableUnder(file: string, heading: string): readonly (readonly string[])[] {
  const page = readPage(file);
  const start = page.search(new RegExp(`^#+ ${heading.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`, 'm'));
  if (start === -1) throw new Error(`${file} has no heading "${heading}"`);
  const lines = page.slice(start).split('\n').slice(1);
  const first = lines.findIndex((line) => line.startsWith('|'));
  const nextHeading = lines.findIndex((line) => line.startsWith('#'));
  if (first === -1 || (nextHeading !== -1 && nextHeading < first)) {
    throw new Error(`${file} has no table under "${heading}"`);
  }
  const rest = lines.slice(first);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(2, end === -1 ? undefined : end).map(cellsOf);
}

function cellsOf(row: string): readonly string[] {
  return row
    .replace(/^\|/, '')
    .replace(/\|$/, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));
}

/** The texts between the backticks of a cell. */
export function codesOf(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
}
