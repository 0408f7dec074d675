/**
 * Control characters as JSON escapes them: text from a database, a server or a call must not move a terminal's cursor or
 * forge lines. Those of `kept` stay as they are.
 */
export function visible(text: string, kept = ''): string {
  return text.replace(/\p{Cc}/gu, (character) =>
    kept.includes(character) ? character : toEscape(character),
  );
}

/** As `visible`, with line ends kept: for messages that are made of lines. */
export function visibleLines(text: string): string {
  return visible(text, '\n');
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

function toEscape(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
