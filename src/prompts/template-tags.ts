/** Something wrong with a template. */
export interface TemplateMistake {
  /** Counts from 0, in the text of the template. */
  readonly line: number;
  readonly message: string;
}

/** `{{ … }}` or `{% … %}`. */
export interface TemplateTag {
  readonly kind: 'expression' | 'statement';
  readonly text: string;
  /** The first word in it, which says what a statement is. */
  readonly keyword: string;
  /** Counts from 0. */
  readonly line: number;
}

export interface TagReading {
  readonly tags: readonly TemplateTag[];
  readonly mistakes: readonly TemplateMistake[];
}

const CLOSERS: Readonly<Record<string, string>> = { '{{': '}}', '{%': '%}', '{#': '#}' };

/** Finds the tags of a template. The parser of the library knows no places. */
export function readTags(text: string): TagReading {
  const tags: TemplateTag[] = [];
  const mistakes: TemplateMistake[] = [];
  const opener = /\{[{%#]/g;
  for (let found = opener.exec(text); found !== null; found = opener.exec(text)) {
    const [open] = found;
    const close = CLOSERS[open] ?? '';
    const line = text.slice(0, found.index).split('\n').length - 1;
    const { end, isClosed } = findEnd(text, found.index + 2, close);
    opener.lastIndex = end;
    if (!isClosed)
      mistakes.push({ line, message: `"${open}" is not closed; put "${close}" behind what it holds` });
    else if (open !== '{#') tags.push(toTag(text.slice(found.index, end), line));
  }
  return { tags, mistakes };
}

function toTag(text: string, line: number): TemplateTag {
  const kind = text.startsWith('{{') ? 'expression' : 'statement';
  return { kind, text, keyword: /^\{[{%]-?\s*(\w*)/.exec(text)?.[1] ?? '', line };
}

interface TagEnd {
  /** Where to go on. */
  readonly end: number;
  readonly isClosed: boolean;
}

/** A tag that another one follows before it is closed ends there. */
function findEnd(text: string, start: number, close: string): TagEnd {
  if (close === '#}') {
    const end = text.indexOf(close, start);
    return end === -1 ? { end: text.length, isClosed: false } : { end: end + 2, isClosed: true };
  }
  // A quoted text counts as one character; a quote that is not closed as itself.
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
