import { messageOf, nearSuggestion } from '../errors/index.js';
import { parseTemplate } from './jinja-library.js';
import { BUILT_IN, explainUse, findNames, type TemplateUse } from './template-names.js';

/** Something wrong with a template. */
interface TemplateMistake {
  /** Counts from 0, in the text of the template. */
  readonly line: number;
  readonly message: string;
}

/**
 * Checks each tag by itself, because the parser reports no positions and stops at the first mistake. A name that is set
 * anywhere in the template counts as set everywhere, so that no correct template is refused. `variables` are those that
 * the template reads and does not set itself, each with the line of its first use.
 */
export function checkTemplate(text: string): {
  readonly mistakes: readonly TemplateMistake[];
  readonly variables: readonly { readonly name: string; readonly line: number }[];
} {
  const tags = readTags(text);
  const mistakes = findBlockMistakes(tags);
  const uses: (TemplateUse & { readonly line: number })[] = [];
  const bound = new Set<string>();
  for (const tag of tags) {
    const { line, open, isClosed } = tag;
    if (!isClosed) mistakes.push({ line, message: `"${open}" is not closed; add "${CLOSING[open]}"` });
    try {
      const names = findNames(parseTemplate(isClosed ? complete(tag) : ''));
      uses.push(...names.uses.map((use) => ({ ...use, line })));
      for (const name of names.bound) bound.add(name);
    } catch (error) {
      // The messages of the library name its own tokens, which says nothing to the author of a template.
      mistakes.push({ line, message: explainUnreadable(tag, error) });
    }
  }
  // Without a loop, `loop` is a parameter of the prompt.
  const isLooping = tags.some(({ statement }) => statement === 'for');
  const variables = new Map<string, number>();
  for (const use of uses) {
    const { kind, name, line } = use;
    const isOwn = bound.has(name) || BUILT_IN.has(name);
    if (kind === 'variable' && !isOwn && !variables.has(name)) variables.set(name, line);
    const isOther = kind === 'loop value' ? !isLooping || bound.has('loop') : kind === 'function' && bound.has(name);
    const message = isOther ? undefined : explainUse(use);
    if (message !== undefined) mistakes.push({ line, message });
  }
  return {
    mistakes: mistakes.length > 0 ? mistakes.sort((a, b) => a.line - b.line) : checkWhole(text),
    variables: [...variables].map(([name, line]) => ({ name, line })),
  };
}

/** Finds mistakes that no single tag shows, such as more than the name in `{% endif %}`. */
function checkWhole(text: string): readonly TemplateMistake[] {
  try {
    parseTemplate(text);
    return [];
  } catch (error) {
    return [{ line: 0, message: `the template is not valid Jinja: ${messageOf(error)}` }];
  }
}

const CLOSING = { '{{': '}}', '{%': '%}', '{#': '#}' } as const;

/** `{{ … }}`, `{% … %}`, or a comment that is not closed. */
interface TemplateTag {
  readonly open: keyof typeof CLOSING;
  readonly text: string;
  readonly isClosed: boolean;
  /** What a statement begins with, such as `if`; undefined for other tags. */
  readonly statement: string | undefined;
  /** Counts from 0. */
  readonly line: number;
}

function readTags(text: string): readonly TemplateTag[] {
  const tags: TemplateTag[] = [];
  const opening = /\{[{%#]/g;
  for (let found = opening.exec(text); found !== null; found = opening.exec(text)) {
    // The expression matches these three texts only.
    const open = found[0] as TemplateTag['open'];
    const { end, isClosed } = findEnd(text, found.index + 2, CLOSING[open]);
    opening.lastIndex = end;
    const tag = text.slice(found.index, end);
    const line = text.slice(0, found.index).split('\n').length - 1;
    const statement = open === '{%' && isClosed ? (/^\{%-?\s*(\w*)/.exec(tag)?.[1] ?? '') : undefined;
    if (open !== '{#' || !isClosed) tags.push({ open, text: tag, isClosed, statement, line });
  }
  return tags;
}

/** Where a tag ends. A tag that is not closed ends where the next one begins. */
function findEnd(text: string, start: number, close: string): { end: number; isClosed: boolean } {
  if (close === '#}') {
    const end = text.indexOf(close, start);
    return end === -1 ? { end: text.length, isClosed: false } : { end: end + 2, isClosed: true };
  }
  // Quoted text is one part, so what is in it closes nothing.
  const part = /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{[{%#]|[{}]|%\}/gs;
  part.lastIndex = start;
  let depth = 0;
  for (let found = part.exec(text); found !== null; found = part.exec(text)) {
    const [what] = found;
    const isEnd = close === '%}' ? what === close : depth === 0 && text.startsWith(close, found.index);
    if (isEnd) return { end: found.index + 2, isClosed: true };
    if (/^\{[{%#]/.test(what)) return { end: found.index, isClosed: false };
    if (what === '{') depth += 1;
    if (what === '}') depth -= 1;
  }
  return { end: text.length, isClosed: false };
}

/** A tag as a template of its own; empty for statements that cannot be one, which the check of blocks reports. */
function complete(tag: TemplateTag): string {
  const { statement, text } = tag;
  if (statement === undefined) return text;
  if (isBlock(tag)) return `${text}{% end${statement} %}`;
  if (statement === 'elif') return `{% if true %}${text}{% endif %}`;
  return statement === 'set' || SINGLE.includes(statement) ? text : '';
}

function explainUnreadable({ text }: TemplateTag, error: unknown): string {
  const oneLine = text.replace(/\s+/g, ' ');
  const shown = oneLine.length > 60 ? `${oneLine.slice(0, 60)}…` : oneLine;
  // The parser calls itself for each level.
  if (error instanceof RangeError) return `"${shown}" nests too many levels of brackets or operators`;
  const hint = /\bis\s+(?:not\s+)?\w+\s*\(/.test(text) ? '; tests accept no arguments in prompts' : '';
  return `"${shown}" is not valid Jinja${hint}`;
}

/** Statements with an end, and the statements that divide them. */
const BLOCKS: Readonly<Partial<Record<string, readonly string[]>>> = {
  if: ['elif', 'else'],
  for: ['else'],
  set: [],
  macro: [],
  call: [],
  filter: [],
};
const DIVIDING: readonly string[] = ['elif', 'else'];
const SINGLE: readonly string[] = ['break', 'continue'];
/** Those that Jinja has and prompts do not: a prompt is one text, without files beside it. */
const JINJA_STATEMENTS: readonly string[] = [
  'include',
  'import',
  'from',
  'extends',
  'block',
  'raw',
  'with',
  'autoescape',
  'trans',
  'do',
];
const ENDS = Object.keys(BLOCKS).map((name) => `end${name}`);
const STATEMENTS = [...Object.keys(BLOCKS), ...DIVIDING, ...ENDS, ...SINGLE];

/** Whether a statement needs an end. `{% set x = 1 %}` needs none. */
function isBlock({ statement = '', text }: TemplateTag): boolean {
  return Object.hasOwn(BLOCKS, statement) && !(statement === 'set' && text.includes('='));
}

function findBlockMistakes(tags: readonly TemplateTag[]): TemplateMistake[] {
  const open: TemplateTag[] = [];
  const mistakes = tags.flatMap((tag) => {
    const { statement, line } = tag;
    if (statement === undefined) return [];
    if (isBlock(tag)) return open.push(tag) === MAX_OPEN_BLOCKS + 1 ? [explainDepth(tag)] : [];
    if (ENDS.includes(statement)) return closeBlock(statement, line, open);
    if (!STATEMENTS.includes(statement)) return [{ line, message: explainUnknown(statement) }];
    if (SINGLE.includes(statement) && !open.some((each) => each.statement === 'for'))
      return [{ line, message: `{% ${statement} %} must be in {% for %}` }];
    const isMisplaced = DIVIDING.includes(statement) && !BLOCKS[open.at(-1)?.statement ?? '']?.includes(statement);
    if (!isMisplaced) return [];
    const around = statement === 'else' ? '{% if %} or {% for %}' : '{% if %}';
    return [{ line, message: `{% ${statement} %} must be directly in ${around}` }];
  });
  return [...mistakes, ...open.map(toUnclosed)];
}

/** Far more than a person nests, and far fewer than the stack of the parser holds. */
const MAX_OPEN_BLOCKS = 100;

function explainDepth({ statement, line }: TemplateTag): TemplateMistake {
  return { line, message: `{% ${statement} %} is nested in more than ${MAX_OPEN_BLOCKS} blocks` };
}

function explainUnknown(statement: string): string {
  if (statement === '') return '"{%" needs a statement, such as "if" or "for"';
  const supported = `prompts support ${[...Object.keys(BLOCKS), ...DIVIDING, ...SINGLE].join(', ')}`;
  if (JINJA_STATEMENTS.includes(statement)) return `{% ${statement} %} is not supported; ${supported}`;
  return `there is no statement "${statement}"${nearSuggestion(statement, STATEMENTS) || `; ${supported}`}`;
}

/** Closes the innermost block of the kind; blocks within it that are still open have no end. */
function closeBlock(statement: string, line: number, open: TemplateTag[]): readonly TemplateMistake[] {
  const block = statement.slice('end'.length);
  const index = open.findLastIndex((tag) => tag.statement === block);
  if (index === -1) return [{ line, message: `{% ${statement} %} closes nothing: no {% ${block} %} is open` }];
  return open.splice(index).slice(1).map(toUnclosed);
}

function toUnclosed({ statement, line }: TemplateTag): TemplateMistake {
  return { line, message: `{% ${statement} %} has no end; add {% end${statement} %}` };
}
