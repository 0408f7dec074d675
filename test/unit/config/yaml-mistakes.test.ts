import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../src/yaml/index.js';

const MISSING_COLON =
  'a `:` and a space are missing after this key; if this is text that continues the line above, indent it deeper';
const CONTINUES =
  'this line continues the one above it, because it is indented deeper; indent it like that line, or put the whole text in quotes';
const NOT_CLOSED = 'is not closed, or a line that belongs to it is not indented deeper than its key';
const TWO_PAIRS = 'two `key: value` pairs on one line; put the value in quotes, or on its own line';
const CANNOT_START = 'text cannot start with this character; put it in quotes';
const INDENTATION =
  'the indentation of this line matches no line above it, or list items (`- x`) and keys (`x:`) are mixed';
const WRONG_PLACE =
  'text is not allowed here; a quote or bracket before it may be closed too early, or quotes are missing';
const NO_COMMA = 'a comma is missing within this, or quotes around it';
const KEY_IS_NO_TEXT = 'a key must be plain text; put a value that begins with `{` or `[` and is text in quotes';
const NO_NAME =
  'the name of this anchor (`&name`) or alias (`*name`) is missing; put the text in quotes if a literal `&` or `*` is meant';
const TAG = 'this tag (`!name`) is unknown or does not fit its value; remove it';
const BLOCK_HEADER = 'only `+`, `-` and one digit can follow `|` or `>` on the same line';

function problemsOf(text: string): string[] {
  const parsed = parseYaml('x.yml', text);
  return parsed.ok ? [] : parsed.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** Typical mistakes and their reports. Judge each: is this where a person should look? */
describe('a slip in the syntax', () => {
  it.each([
    ['tool\n  name: x\n', `1:1 ${MISSING_COLON}`],
    ['mxcp: 1\ntool\n  name: x\n', `2:1 ${MISSING_COLON}`],
    ['a: 1\nb 2\nc: 3\n', `2:1 ${MISSING_COLON}`],
    ['a: 1\n  b\n', `1:1 ok`],
    ['a: b\n  c: d\n', `2:3 ${CONTINUES}`],
    ['a:1\nb: 2\n', `1:1 ${MISSING_COLON}`],
    ['a:\n   b: 1\n  c: 2\n', `3:3 ${INDENTATION}`],
    ['a:\n  - b: 1\n    - c\n', `3:5 ${INDENTATION}`],
    ['\ta: 1\n', '1:1 a tab is used for indentation; YAML allows only spaces'],
    ['a: [\n\tb\n]\n', '2:1 a tab is used for indentation; YAML allows only spaces'],
    ['a:\n\tb: 1\n', '2:1 a tab is used for indentation; YAML allows only spaces'],
    ['description: Sales: by day\n', `1:14 ${TWO_PAIRS}`],
    ['a: "x\nb: 1\n', `1:4 this quote ${NOT_CLOSED}`],
    ['"a: 1\n', `1:1 this quote ${NOT_CLOSED}`],
    ['tags: [a, "b]", {c: d}\nname: c\n', `1:7 this bracket ${NOT_CLOSED}`],
    ['list:\n  - [a, {b: [c]}\n', `2:5 this bracket ${NOT_CLOSED}`],
    ["a: it's\nb: [it's, 'c]\n", `2:11 this quote ${NOT_CLOSED}`],
    ['a: [b, , c]\n', '1:8 a value is missing before this comma'],
    ['a: {b: 1 c: 2}\n', `1:8 ${NO_COMMA}`],
    ['a: {b: "c" d: 1}\n', `1:8 ${NO_COMMA}`],
    ['name: @me\n', `1:7 ${CANNOT_START}`],
    ['a: %b\n', `1:4 ${CANNOT_START}`],
    ['a: [%b]\n', `1:5 ${CANNOT_START}`],
    ['a: ]\n', '1:4 no bracket is open that this one could close; put text in quotes'],
    ["a: 'it's'\n", `1:8 ${WRONG_PLACE}`],
    ['a: - b\n', '1:4 a list cannot begin on the line of its key; put it on the next line'],
    ['{"a":1}\n', '1:1 ok'],
    ['"a":b\n', '1:4 a space is missing after this `:`'],
    ['code: > x\n', `1:9 ${BLOCK_HEADER}`],
    ['code: |0\n  x\n', `1:8 ${BLOCK_HEADER}`],
    ['code: |\n  SELECT 1\n FROM x\n', `3:2 ${INDENTATION}`],
    [
      'a: "\\d"\n',
      '1:5 a backslash in double quotes begins an escape, and this one is not valid; use single quotes or `\\\\`',
    ],
    ['a: *\n', `1:4 ${NO_NAME}`],
    ['a: & b\n', `1:4 ${NO_NAME}`],
    ['a: &x &y b\n', '1:7 a value can have only one anchor (`&name`)'],
    ['a: !!str !!int b\n', '1:10 a value can have only one tag (`!name`)'],
    ['a: &x *y\n', '1:7 an alias (`*name`) cannot have an anchor or a tag'],
    ['a: !x! b\n', `1:4 ${TAG}`],
    ['a: b\u0007c\n', '1:5 this character is not printable; remove it'],
    ['%YAML\n---\na: 1\n', '1:1 a line that starts with `%` is a YAML directive, and this one is not valid'],
  ])('%j', (text, expected) => {
    const problems = problemsOf(text);
    expect(problems.length === 0 ? ['1:1 ok'] : problems).toEqual([expected]);
  });

  it('hides none of the mistakes above it', () => {
    expect(problemsOf('a: 1\na: 2\nb: *c\nd: [\n')).toEqual([
      '2:1 this key already exists in the same mapping; remove one of the two',
      '3:4 this alias (`*name`) has no anchor (`&name`) before it',
      `4:4 this bracket ${NOT_CLOSED}`,
    ]);
  });
});

describe('a mistake above another one', () => {
  it.each(['b:\n  <<:\n    *a b\n', 'a: !!int\n  5 : [\n'])(
    'is not made up from lines that are cut off: %j',
    (text) => {
      expect(problemsOf(text)).toHaveLength(1);
    },
  );
});

describe('good syntax without a meaning', () => {
  it.each([
    ['a: &a [*a]\n', '1:8 this alias (`*name`) repeats a value that contains the alias itself'],
    ['a: !env HOME\n', `1:4 ${TAG}`],
    ['a: !!set {b}\n', `1:4 ${TAG}`],
    ['a: !!int b\n', `1:4 ${TAG}`],
    ['a: !!map [b]\n', `1:4 ${TAG}`],
    ['[a]: 1\n', `1:1 ${KEY_IS_NO_TEXT}`],
    ['a: &x b\n*x : 1\n', `2:1 ${KEY_IS_NO_TEXT}`],
    ['prompt: {{ who }}\n', `1:10 ${KEY_IS_NO_TEXT}`],
    [
      'a: &a {x: 1}\nc:\n  <<: *a\n  <<: *a\n',
      '4:3 this key already exists in the same mapping; remove one of the two',
    ],
    ['---\n---\na: 1\n', '2:1 the file holds more than one document; keep one and remove the `---` between them'],
    ['<<: 1\n', '1:5 `<<` takes a mapping or a list of mappings, usually an alias (`*name`)'],
    [
      '--- \na: 1\n---\nb: 2\n',
      '3:1 the file holds more than one document; keep one and remove the `---` between them',
    ],
  ])('%j', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });

  it('is reported all at once', () => {
    expect(problemsOf('a: *x\nb: !y z\n[c]: 1\n__proto__: 1\na: 2\n')).toHaveLength(5);
  });
});
