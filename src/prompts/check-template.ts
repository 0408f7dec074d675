import { messageOf, suggestion } from '../errors/index.js';
import { parseTemplate } from './jinja-library.js';
import { explainUse, findNames, isBuiltIn, type TemplateNames } from './template-names.js';
import { readTags, type TemplateMistake, type TemplateTag } from './template-tags.js';

const SHOWN_CHARS = 60;

export interface TemplateVariable {
  readonly name: string;
  /** Where it is read first; counts from 0. */
  readonly line: number;
}

export interface TemplateFindings {
  readonly mistakes: readonly TemplateMistake[];
  /** What the template reads and does not set itself, each once, in order. */
  readonly variables: readonly TemplateVariable[];
}

interface TagNames extends TemplateNames {
  readonly line: number;
}

/**
 * Looks at every tag by itself, so that one mistake hides no other and each has its line. A name that is set anywhere in
 * the template counts as set everywhere: a correct template is never blamed.
 */
export function checkTemplate(text: string): TemplateFindings {
  const { tags, mistakes } = readTags(text);
  const blockMistakes = findBlockMistakes(tags);
  const names: TagNames[] = [];
  const unreadable: TemplateMistake[] = [];
  for (const tag of tags) {
    const found = namesOfTag(tag);
    if (found === undefined) unreadable.push(toUnreadable(tag));
    else names.push({ ...found, line: tag.line });
  }
  const bound = new Set(names.flatMap((each) => each.bound));
  const all = [...mistakes, ...blockMistakes, ...unreadable, ...findUnsupported(names, bound)];
  return {
    mistakes: all.length > 0 ? all.sort((a, b) => a.line - b.line) : checkWhole(text),
    variables: findVariables(names, bound),
  };
}

/** Undefined when the parser refuses the tag. What is no statement at all is told of with the blocks. */
function namesOfTag(tag: TemplateTag): TemplateNames | undefined {
  try {
    return findNames(parseTemplate(complete(tag)));
  } catch {
    // Why is told in other words than the library's, which speak of its own parts.
    return undefined;
  }
}

/** A tag as a template of its own. */
function complete(tag: TemplateTag): string {
  const { kind, keyword, text } = tag;
  if (kind === 'expression') return text;
  if (isBlock(tag)) return `${text}{% end${keyword} %}`;
  if (keyword === 'elif') return `{% if true %}${text}{% endif %}`;
  return /^(?:set|break|continue)$/.test(keyword) ? text : '';
}

function toUnreadable({ text, line }: TemplateTag): TemplateMistake {
  const oneLine = text.replace(/\s+/g, ' ');
  const shown = oneLine.length > SHOWN_CHARS ? `${oneLine.slice(0, SHOWN_CHARS)}…` : oneLine;
  return { line, message: `"${shown}" cannot be read as Jinja: ${reasonFor(text)}` };
}

function reasonFor(text: string): string {
  const unquoted = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/gs, '');
  if (/["']/.test(unquoted)) return 'a quote in it is not closed';
  return /\bis\s+(?:not\s+)?\w+\s*\(/.test(unquoted)
    ? 'tests take no arguments here'
    : 'something in it is missing or too much';
}

function findUnsupported(names: readonly TagNames[], bound: ReadonlySet<string>): readonly TemplateMistake[] {
  return names.flatMap(({ uses, line }) =>
    uses.flatMap((use) => {
      const isMacro = (use.kind === 'function' || use.kind === 'method') && bound.has(use.name);
      const message = isMacro ? undefined : explainUse(use);
      return message === undefined ? [] : [{ line, message }];
    }),
  );
}

function findVariables(names: readonly TagNames[], bound: ReadonlySet<string>): readonly TemplateVariable[] {
  const lines = new Map<string, number>();
  for (const { uses, line } of names) {
    const read = uses.filter(({ kind, name }) => kind === 'variable' && !bound.has(name) && !isBuiltIn(name));
    for (const { name } of read) if (!lines.has(name)) lines.set(name, line);
  }
  return [...lines].map(([name, line]) => ({ name, line }));
}

/** What no tag shows by itself, such as more in `{% endif %}` than its name. */
function checkWhole(text: string): readonly TemplateMistake[] {
  try {
    parseTemplate(text);
    return [];
  } catch (error) {
    return [{ line: 0, message: `the template cannot be read as Jinja: ${messageOf(error)}` }];
  }
}

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
