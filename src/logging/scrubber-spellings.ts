/** Any number of backslashes: they double each time a text is quoted in another. Matches from the first one only, or long runs take long. */
const ESCAPING = String.raw`(?<!\\)\\+`;

/** Escapes that have a letter in JSON, Python and JavaScript alike. */
const LETTERS: Readonly<Record<string, string>> = { '\b': 'b', '\t': 't', '\n': 'n', '\f': 'f', '\r': 'r' };

/** In base64, this much of a value is matched, and everything after it is replaced too. Whole keys and certificates would make the pattern huge. */
const BASE64_LENGTH = 24;

/** Long base64 is written in lines. In a quoted text, the end of a line is an escape. */
const BREAK = String.raw`(?:(?:[\r\n]|\\+[rn])[ \t]*)*`;

/** A value of this length that could be base64 itself may be written in lines too. */
const WRAPPED = /^[A-Za-z0-9+/_-]{40,}=*$/;

/**
 * The source of a pattern for a value in all spellings of diagnostics: plain, in SQL, in a URL, and with the escapes of JSON and of
 * Python's `repr`, `ascii` and bytes. A list of spellings would be too long, because escapes can be mixed and nested.
 */
export function spellingsOf(value: string): string {
  const runs = value.match(/\\+|'+|[A-Za-z0-9]+|./gsu) ?? [];
  return runs
    .map((run, at) => {
      if (/^[A-Za-z0-9]/.test(run)) return run;
      const follows = runs[at - 1]?.startsWith('\\') ?? false;
      if (run.startsWith("'")) return quotes(run.length, follows);
      if (!run.startsWith('\\')) return character(run, follows);
      return at > 0 && at === runs.length - 1 ? lastBackslashes(run.length) : backslashes(run.length);
    })
    .join('');
}

/**
 * The forms of a value inside a base64 text, like the credentials of a request: they depend on the number of bytes before the value.
 * Only characters that are made of bits of the value alone.
 */
export function base64PartsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  const parts = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const end = Math.floor(((before + bytes.length) * 8) / 6);
    return text.slice(Math.ceil((before * 8) / 6), end).slice(0, BASE64_LENGTH);
  });
  return WRAPPED.test(value) ? [...parts, value.slice(0, BASE64_LENGTH)] : parts;
}

/**
 * The source of a pattern for such a part of a value and everything after it, in both alphabets of base64 and in lines of any length.
 * `bytes` are those of the value and of what follows it, if it is a piece of a longer one.
 */
export function base64SpellingsOf(part: string, value: string, bytes: number): string {
  const inLines = [...part].map((char) => ({ '+': '[+-]', '/': '[/_]' })[char] ?? char).join(BREAK);
  const isValue = value.startsWith(part);
  const rest = Math.max(0, (isValue ? bytes : Math.floor((bytes * 4) / 3) - 1) - part.length);
  return `${inLines}(?:${BREAK}[A-Za-z0-9+/_-]){0,${rest}}${isValue ? '' : '[A-Za-z0-9+/_-]*'}=*`;
}

/** `follows`: after backslashes of the value, whose pattern has also matched those of an escape. */
function character(char: string, follows: boolean): string {
  const plain = char.replace(/[.*+?^${}()|[\]\\/]/, String.raw`\$&`);
  const quoted = /[!-/:-@[-`{-~]/.test(char) ? `(?:${ESCAPING})?${plain}` : plain;
  return `(?:${[quoted, ...(char === ' ' ? [String.raw`\+`] : []), ...escapes(char, follows)].join('|')})`;
}

/** SQL doubles each quote. One pattern for the whole run, because one for each would be tried in countless ways. */
function quotes(count: number, follows: boolean): string {
  const plain = `(?:(?:${ESCAPING})?'){${count},${2 * count}}`;
  return `(?:${plain}|(?:${escapes("'", follows).join('|')}){${count}})`;
}

function backslashes(count: number): string {
  return String.raw`(?:(?<!\\)\\{${count},}|(?:%5[cC]){${count}})`;
}

/** Never matches a backslash that escapes the character after the value: that would break JSON. */
function lastBackslashes(count: number): string {
  const nested = [8, 4, 2].map((times) => String.raw`\\{${count * times}}`);
  return String.raw`(?:${nested.join('|')}|\\{${count}}(?!["\\])|(?:%5[cC]){${count}}|)`;
}

function escapes(char: string, follows: boolean): readonly string[] {
  const code = char.codePointAt(0) ?? 0;
  const bytes = [...Buffer.from(char)].map((byte) => hex(byte, 2));
  const units = char.split('').map((unit) => `u${hex(unit.charCodeAt(0), 4)}`);
  const forms = [
    units.join(ESCAPING),
    bytes.map((byte) => `x${byte}`).join(ESCAPING),
    ...(code >= 0x80 && code <= 0xff ? [`x${hex(code, 2)}`] : []),
    ...(code > 0xffff ? [`U${hex(code, 8)}`] : []),
    ...(LETTERS[char] ?? []),
  ];
  return [`${follows ? '' : ESCAPING}(?:${forms.join('|')})`, bytes.map((byte) => `%${byte}`).join('')];
}

/** In upper and in lower case. */
function hex(value: number, digits: number): string {
  const text = value.toString(16).padStart(digits, '0');
  return text.replaceAll(/[a-f]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}
