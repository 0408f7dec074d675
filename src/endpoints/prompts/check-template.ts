import { messageOf } from '../../errors/index.js';
import { parseTemplate } from './jinja-library.js';
import { findBlockMistakes, isBlock } from './template-blocks.js';
import { explainUse, isBuiltIn } from './template-names.js';
import { readTags, type TemplateMistake, type TemplateTag } from './template-tags.js';
import { findNames, type TemplateNames } from './template-uses.js';

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
