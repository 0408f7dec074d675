import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { YAMLException } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { TextLines } from '../../../src/yaml/text-lines.js';
import { explainSyntaxError } from '../../../src/yaml/yaml-syntax.js';
import { parseYaml } from '../../../src/yaml/index.js';

const MISSING_COLON =
  'a `:` is missing behind this key; if this is text that goes on from above, indent it deeper';
const GOES_ON =
  'this line goes on with the one above it; a `:` and a space are missing there, or this line is indented too deep';
const NOT_CLOSED = 'is not closed, or a line that belongs to it is not indented deeper than its key';
const TWO_PAIRS = 'two `key: value` pairs on one line; put the value in quotes, or on its own line';
const CANNOT_START = 'text cannot start with this character; put it in quotes';
const INDENTATION =
  'this line fits nothing above it: it is indented otherwise, or list items (`- x`) and keys (`x:`) are mixed';
const WRONG_PLACE =
  'text stands where none can be; a quote or bracket before it may be closed too early, or quotes are missing';
const NO_COMMA = 'a comma or a closing bracket is missing before this, or quotes around it';
const KEY_IS_NO_TEXT =
  'a key must be plain text; a value that begins with `{` or `[` and is text must be in quotes';
const BLOCK_HEADER = 'behind `|` or `>` only `+`, `-` and one digit can stand on the same line';

function problemsOf(text: string): string[] {
  const parsed = parseYaml('x.yml', text);
  return parsed.ok ? [] : parsed.problems.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

/** Slips of people who write projects, and what they are told. To be read: is this where they should look? */
describe('a slip in the syntax', () => {
  it.each([
    ['tool\n  name: x\n', `2:3 ${GOES_ON}`],
    ['mxcp: 1\ntool\n  name: x\n', `2:1 ${MISSING_COLON}`],
    ['a: 1\nb 2\nc: 3\n', `2:1 ${MISSING_COLON}`],
    ['a: 1\n  b\n', `1:1 ok`],
    ['a: b\n  c: d\n', `2:3 ${GOES_ON}`],
    ['a:1\nb: 2\n', `2:1 ${GOES_ON}`],
    ['a:\n   b: 1\n  c: 2\n', `3:3 ${INDENTATION}`],
    ['a:\n  - b: 1\n    - c\n', `3:5 ${INDENTATION}`],
    ['\ta: 1\n', '1:1 a tab is used for indentation; YAML takes only spaces'],
    ['a: [\n\tb\n]\n', '2:1 a tab is used for indentation; YAML takes only spaces'],
    ['a:\n\tb: 1\n', '2:1 a tab is used for indentation; YAML takes only spaces'],
    ['description: Sales: by day\n', `1:19 ${TWO_PAIRS}`],
    ['a: "x\nb: 1\n', `1:4 this quote ${NOT_CLOSED}`],
    ['"a: 1\n', `1:1 this quote ${NOT_CLOSED}`],
    ['tags: [a, "b]", {c: d}\nname: c\n', `1:7 this bracket ${NOT_CLOSED}`],
    ['list:\n  - [a, {b: [c]}\n', `2:5 this bracket ${NOT_CLOSED}`],
    ["a: it's\nb: [it's, 'c]\n", `2:11 this quote ${NOT_CLOSED}`],
    ['a: [b, , c]\n', '1:8 a value is missing before this comma'],
    ['a: {b: 1 c: 2}\n', `1:11 ${NO_COMMA}`],
    ['a: {b: "c" d: 1}\n', `1:12 ${NO_COMMA}`],
    ['name: @me\n', `1:7 ${CANNOT_START}`],
    ['a: %b\n', `1:4 ${CANNOT_START}`],
    ['a: [%b]\n', `1:5 ${CANNOT_START}`],
    ['a: ]\n', `1:4 ${CANNOT_START}`],
    ["a: 'it's'\n", `1:8 ${WRONG_PLACE}`],
    ['a: - b\n', '1:4 a list cannot begin on the line of its key; put it on the next line'],
    ['{"a":1}\n', '1:1 ok'],
    ['"a":b\n', '1:5 a space is missing behind the `:`'],
    ['code: > x\n', `1:9 ${BLOCK_HEADER}`],
    ['code: |0\n  x\n', `1:8 ${BLOCK_HEADER}`],
    ['code: |\n  SELECT 1\n FROM x\n', `3:2 ${INDENTATION}`],
    [
      'a: "\\d"\n',
      '1:6 a backslash in double quotes begins an escape, and this one is not valid; use single quotes or `\\\\`',
    ],
    ['a: *\n', '1:5 this alias (`*name`) is not valid; quote the text if a literal `*` is meant'],
    [
      'a: & b\n',
      '1:5 the name of this anchor (`&name`) is missing; quote the text if a literal `&` is meant',
    ],
    ['a: &x &y b\n', '1:7 a value can have only one anchor (`&name`)'],
    ['a: !!str !!int b\n', '1:10 a value can have only one tag (`!name`)'],
    ['a: &x *y\n', '1:7 an alias (`*name`) cannot have an anchor or a tag'],
    ['a: !x! b\n', '1:7 this tag (`!name`) means nothing here; remove it'],
    ['a: b\u0007c\n', '1:5 a character that cannot be printed stands here; remove it'],
    ['%YAML\n---\na: 1\n', '2:1 a line that starts with `%` is a YAML directive, and this one is not valid'],
  ])('%j', (text, expected) => {
    const problems = problemsOf(text);
    expect(problems.length === 0 ? ['1:1 ok'] : problems).toEqual([expected]);
  });

  it('hides none of the mistakes above it', () => {
    expect(problemsOf('a: 1\na: 2\nb: *c\nd: [\n')).toEqual([
      '2:1 this key is already there in the same mapping; remove one of the two',
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
    ['a: &a [*a]\n', '1:8 this alias (`*name`) stands inside what it repeats, and so has no end'],
    ['a: !env HOME\n', '1:4 this tag (`!name`) means nothing here; remove it'],
    ['a: !!set {b}\n', '1:4 this tag (`!name`) means nothing here; remove it'],
    ['a: !!int b\n', '1:4 this tag (`!name`) does not fit the value behind it; remove it'],
    ['a: !!map [b]\n', '1:4 this tag (`!name`) does not fit the value behind it; remove it'],
    ['[a]: 1\n', `1:1 ${KEY_IS_NO_TEXT}`],
    ['a: &x b\n*x : 1\n', `2:1 ${KEY_IS_NO_TEXT}`],
    ['prompt: {{ who }}\n', `1:10 ${KEY_IS_NO_TEXT}`],
    [
      'a: &a {x: 1}\nc:\n  <<: *a\n  <<: *a\n',
      '4:3 this key is already there in the same mapping; remove one of the two',
    ],
    [
      '---\n---\na: 1\n',
      '2:1 the file holds more than one document; keep one and remove the `---` between them',
    ],
    ['<<: 1\n', '1:5 `<<` takes a mapping or a list of mappings, mostly an alias (`*name`)'],
    [
      '--- \na: 1\n---\nb: 2\n',
      '3:1 the file holds more than one document; keep one and remove the `---` between them',
    ],
  ])('%j', (text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });

  it('is told all at once', () => {
    expect(problemsOf('a: *x\nb: !y z\n[c]: 1\n__proto__: 1\na: 2\n')).toHaveLength(5);
  });
});

describe('the words of the parser', () => {
  it('are all known, so that none is answered with a sentence that does not fit', () => {
    const parser = readFileSync(createRequire(import.meta.url).resolve('js-yaml'), 'utf8');
    const reasons = [...parser.matchAll(/throwError\(state, (?:"([^"]+)"|`([^`]+)`)\)/g)];
    expect(reasons.length).toBeGreaterThan(40);
    const place = 'a: b\n';
    const unknown = reasons
      .map(([, plain, template]) => plain ?? template ?? '')
      .filter((reason) => !/bad indentation|document separator|can not read a document/.test(reason))
      .filter((reason) => {
        const mark = { buffer: place, position: 3, line: 0, column: 3 };
        return (
          explainSyntaxError(new YAMLException(reason, mark), new TextLines(place)).message === WRONG_PLACE
        );
      });
    expect(unknown).toEqual([]);
  });
});
