import { suggestion } from '../definitions/suggestion.js';
import type { TemplateMistake, TemplateTag } from './template-tags.js';

/** Statements with an end, and those that may stand between. */
const BLOCKS: Readonly<Record<string, readonly string[]>> = {
  if: ['elif', 'else'],
  for: ['else'],
  set: [],
  macro: [],
  call: [],
  filter: [],
};
const SINGLE: readonly string[] = ['break', 'continue'];
const BETWEEN: readonly string[] = ['elif', 'else'];
const KNOWN = [
  ...Object.keys(BLOCKS),
  ...BETWEEN,
  ...Object.keys(BLOCKS).map((name) => `end${name}`),
  ...SINGLE,
];

/** Whether a statement goes on until its end; `set` may do without one. */
export function isBlock({ kind, keyword, text }: TemplateTag): boolean {
  return kind === 'statement' && Object.hasOwn(BLOCKS, keyword) && !(keyword === 'set' && text.includes('='));
}

/** Every statement is known, every block has its end, and nothing else does. */
export function findBlockMistakes(tags: readonly TemplateTag[]): readonly TemplateMistake[] {
  const open: TemplateTag[] = [];
  const mistakes: TemplateMistake[] = [];
  for (const tag of tags) {
    if (tag.kind === 'expression') continue;
    if (isBlock(tag)) open.push(tag);
    else mistakes.push(...checkInside(tag, open));
  }
  return [...mistakes, ...open.map(toUnclosed)];
}

function checkInside(tag: TemplateTag, open: TemplateTag[]): readonly TemplateMistake[] {
  const { keyword, line } = tag;
  if (keyword === '') return [{ line, message: 'a statement must follow "{%", such as "if" or "for"' }];
  if (!KNOWN.includes(keyword)) {
    const message = `there is no statement "${keyword}"${suggestion(keyword, KNOWN)}`;
    return [{ line, message }];
  }
  if (keyword.startsWith('end')) return closeBlock(tag, open);
  const around = open.at(-1)?.keyword ?? '';
  if (!BETWEEN.includes(keyword) || BLOCKS[around]?.includes(keyword) === true) return [];
  const wanted = keyword === 'else' ? '{% if %} or {% for %}' : '{% if %}';
  return [{ line, message: `{% ${keyword} %} must stand directly in ${wanted}` }];
}

/** What was opened later and is still open has no end. */
function closeBlock({ keyword, line }: TemplateTag, open: TemplateTag[]): readonly TemplateMistake[] {
  const block = keyword.slice('end'.length);
  const index = open.findLastIndex((tag) => tag.keyword === block);
  if (index === -1) return [{ line, message: `{% ${keyword} %} ends nothing: no {% ${block} %} is open` }];
  return open.splice(index).slice(1).map(toUnclosed);
}

function toUnclosed({ keyword, line }: TemplateTag): TemplateMistake {
  return { line, message: `{% ${keyword} %} has no end; put {% end${keyword} %} where it ends` };
}
