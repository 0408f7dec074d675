/**
 * Escapes control characters as JSON does: text from a database, a server or a call must not move the cursor of a terminal or
 * forge lines. Characters in `kept` are not escaped.
 */
export function visible(text: string, kept = ''): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    kept.includes(character) ? character : toEscape(character),
  );
}

/** Like `visible`, but keeps line ends: for messages of several lines. */
export function visibleLines(text: string): string {
  return visible(text, '\n');
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

function toEscape(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
