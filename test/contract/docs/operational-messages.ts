import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './doc-blocks.js';

/** What a line of the log at `warn` or above says: its longest part that is the same each time. */
export interface LoggedMessage {
  /** Relative to the repository, with the line. */
  readonly place: string;
  /** Undefined when the whole text comes from elsewhere. */
  readonly text: string | undefined;
}

/** The calls that lead to the log of a server at `warn` or above. */
const LOGGING = /(?:[lL]ogger|#log)\.(?:warn|error|fatal)\(|\b(?:onWarning|warn)\(/g;
const LITERAL = /'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`/g;
/** A shorter text is a name or a key. */
const SHORTEST = 10;

/** Every message that the sources log at `warn` or above, from the text of the sources. */
export function loggedMessages(): readonly LoggedMessage[] {
  const files = readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' });
  return files
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .flatMap((name) => messagesIn(join('src', name), readFileSync(join(repository, 'src', name), 'utf8')));
}

export function messagesIn(file: string, source: string): readonly LoggedMessage[] {
  return [...source.matchAll(LOGGING)].flatMap((match) => {
    const start = match.index + match[0].length;
    // Declarations have a type or a block in place of arguments.
    const before = source.slice(source.lastIndexOf('\n', match.index) + 1, match.index);
    if (/(?:function|readonly|\*|\/\/)\s*[^(]*$/.test(before)) return [];
    const place = `${file}:${source.slice(0, match.index).split('\n').length}`;
    return [{ place, text: longestConstant(argumentsFrom(source, start)) }];
  });
}

/** The text up to the bracket that closes the call. */
function argumentsFrom(source: string, start: number): string {
  let depth = 1;
  let end = start;
  while (depth > 0 && end < source.length) {
    const character = source[end];
    if (character === '(') depth += 1;
    if (character === ')') depth -= 1;
    end += 1;
  }
  return source.slice(start, end - 1);
}

function longestConstant(text: string): string | undefined {
  const parts = [...text.matchAll(LITERAL)].flatMap(([, quoted, template]) =>
    (template?.split(/\$\{(?:[^{}]|\{[^{}]*\})*\}/) ?? [quoted ?? '']).map(normalize),
  );
  const longest = parts.reduce((best, part) => (part.length > best.length ? part : best), '');
  return longest.length < SHORTEST ? undefined : longest;
}

/** Pages show messages as code, so code within them loses its backticks; a table escapes bars. */
export function normalize(text: string): string {
  return text
    .replaceAll(/\\?`/g, '')
    .replaceAll(String.raw`\|`, '|')
    .replaceAll(/\\n|\s+/g, ' ')
    .trim();
}
