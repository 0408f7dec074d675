/** Control characters as JSON escapes them: text from a database or a server must not move a terminal's cursor. */
export function visible(text: string): string {
  return text.replace(
    /\p{Cc}/gu,
    (character) => SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

/** As `visible`, with line ends kept: for messages that are made of lines. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visible).join('\n');
}
