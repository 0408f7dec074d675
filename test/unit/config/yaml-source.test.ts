import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../../src/yaml/index.js';

function read(text: string): unknown {
  const parsed = parseYaml('x.yml', text);
  if (!parsed.ok) throw new Error(parsed.problems.map((problem) => problem.message).join('; '));
  return parsed.source.value;
}

describe('the YAML dialect', () => {
  it.each([
    ['yes', true],
    ['On', true],
    ['NO', false],
    ['off', false],
    ['y', 'y'],
    ['n', 'n'],
    ['yEs', 'yEs'],
    ['010', 8],
    ['089', '089'],
    ['0o10', '0o10'],
    ['0x1F', 31],
    ['0b101', 5],
    ['1_000', 1000],
    ['-7', -7],
    ['1.5', 1.5],
    ['1e3', '1e3'],
    ['1.0e+3', 1000],
    ['.5', 0.5],
    ['12:30', '12:30'],
    ['2024-01-31', '2024-01-31'],
    ['12345678901234567890', '12345678901234567890'],
    ['"yes"', 'yes'],
    ["'010'", '010'],
    ['~', null],
    ['null', null],
    ['', null],
    ['-0', 0],
    ['!!str 010', '010'],
    ['! 5', '5'],
    ['!<tag:yaml.org,2002:int> "5"', 5],
    ['!!float 5', 5],
    ['!!float 1e3', 1000],
  ])('reads %s as %j', (written, value) => {
    expect(read(`key: ${written}`)).toEqual({ key: value });
  });

  it('reads every key as text', () => {
    expect(read('on: 1\n2024: 2\nnull: 3')).toEqual({ on: 1, '2024': 2, null: 3 });
  });

  it('merges anchored mappings', () => {
    expect(read('base: &base {a: 1, b: 2}\nother:\n  <<: *base\n  b: 3')).toEqual({
      base: { a: 1, b: 2 },
      other: { a: 1, b: 3 },
    });
  });

  it('ignores a byte order mark and Windows line ends', () => {
    expect(read('\uFEFFa: 1\r\nb: x\r\n')).toEqual({ a: 1, b: 'x' });
  });

  it('refuses a key called __proto__, which would be lost silently', () => {
    const parsed = parseYaml('x.yml', 'a:\n  __proto__: {readonly: true}');
    expect(parsed).toEqual({
      ok: false,
      problems: [{ file: 'x.yml', line: 2, column: 3, message: '`__proto__` cannot be a key or a name' }],
    });
  });
});

describe('a closing bracket in the column of its key', () => {
  it.each([
    ['a: [\n  b,\n  c\n]\n', { a: ['b', 'c'] }],
    ['a: {\n  b: 1\n}\nc: [\n]\n', { a: { b: 1 }, c: [] }],
    ['x:\n  a: [\n    b # one\n    # two\n\n  ]\n  c: d\n', { x: { a: ['b'], c: 'd' } }],
    ['x:\n    a: {\n    b: [\n  c ]\n}\n', undefined],
    ['- {\n  a: "b # c"\n}\n- [\n]\n', [{ a: 'b # c' }, []]],
    ["a: [\n  don't care, # it isn't\n  it's # #\n]\n", { a: ["don't care", "it's"] }],
    ['a: [\n  "b # c" # d\n]\n', { a: ['b # c'] }],
    ['json: |\n  [\n    1\n  ]\na: [\n]\n', { json: '[\n  1\n]\n', a: [] }],
    ['a: "x\n  ] y"\nb: [\n]\n', { a: 'x ] y', b: [] }],
    ['json: |\n  ]\n  ]\na: [\n]\n', { json: ']\n]\n', a: [] }],
    ['a: [\r\n  b\r\n]\r\nc: 1\r\n', { a: ['b'], c: 1 }],
  ])('%j', (text, value) => {
    const parsed = parseYaml('x.yml', text);
    expect(parsed.ok ? parsed.source.value : undefined).toEqual(value);
  });

  it('moves nothing', () => {
    const parsed = parseYaml('x.yml', 'a: [\n  b\n]\nc:\n  - {\n    d: 1\n  }\n');
    expect(parsed.ok && parsed.source.positionOf(['c', 0, 'd'])).toEqual({ file: 'x.yml', line: 6, column: 8 });
  });

  it('does not hide another mistake', () => {
    const parsed = parseYaml('x.yml', 'a: [\n  b\n]\nc: d: e\n');
    expect(parsed.ok ? [] : parsed.problems.map(({ line }) => line)).toEqual([4]);
  });
});

describe('positions', () => {
  const text = 'a:\n  - x\n  - b: 1\n    c: &anchor\n      d: 2\ne: *anchor\n';
  const parsed = parseYaml('x.yml', text);
  const source = parsed.ok ? parsed.source : undefined;

  it.each([
    [['a', 1, 'b'], 3, 8],
    [['a', 0], 2, 5],
    [['e', 'd'], 5, 10],
    [['a', 7], 1, 1],
    [['nothing'], 1, 1],
    [[], 1, 1],
  ])('finds the value at %j', (path, line, column) => {
    expect(source?.positionOf(path)).toEqual({ file: 'x.yml', line, column });
  });

  it('finds a key', () => {
    expect(source?.positionOfKey(['a', 1, 'c'])).toEqual({ file: 'x.yml', line: 4, column: 5 });
  });
});

describe('positions of values that are not plain', () => {
  const text = [
    'quoted: "a"',
    'empty:',
    'list:',
    '  - # nothing',
    '  -',
    'base: &base {x: 1}',
    'other:',
    '  <<: *base',
    'code: |- # SQL | more',
    '  SELECT 1',
    '',
  ].join('\n');
  const parsed = parseYaml('x.yml', text);
  const source = parsed.ok ? parsed.source : undefined;

  it.each([
    ['a quoted value at its quote', ['quoted'], 1, 9],
    ['an empty value at its key', ['empty'], 2, 1],
    ['an empty item at its dash', ['list', 0], 4, 3],
    ['an empty item behind another one', ['list', 1], 5, 3],
    ['a merged key where it is written', ['other', 'x'], 6, 17],
    ['a block at its indicator', ['code'], 9, 7],
  ])('finds %s', (_what, path, line, column) => {
    expect(source?.positionOf(path)).toEqual({ file: 'x.yml', line, column });
  });

  it.each([
    ['a:\n  -\n  - b\n', ['a', 0], 2, 3],
    ['- a:\n-\n', [1], 2, 1],
    ['a:\n- x\n-\n-\n', ['a', 2], 4, 1],
    ['a: 1\rb: 2\r', ['b'], 2, 4],
  ])('finds in %j what is at %j', (written, path, line, column) => {
    const found = parseYaml('x.yml', written);
    expect(found.ok && found.source.positionOf(path)).toEqual({ file: 'x.yml', line, column });
  });

  it('knows on which line the text of a value begins', () => {
    expect(source?.lineOfText(['code'], 0)).toBe(10);
    expect(source?.lineOfText(['quoted'], 0)).toBe(1);
  });

  it.each([
    ['a: |\n  b\n  c\n', true],
    ['a: >\n  b\n  c\n', false],
    ['a: >\n  b\n', true],
    ['a: b\n', true],
    ['a: b\n  c\n', false],
    ['a: "b\\nc"\n', false],
  ])('knows whether the lines of a text are those of the file: %j', (written, keeps) => {
    const found = parseYaml('x.yml', written);
    const lines = found.ok && [0, 1].map((index) => found.source.lineOfText(['a'], index));
    const first = /[|>]/.test(written) ? 2 : 1;
    expect(lines).toEqual([first, keeps ? first + 1 : first]);
  });
});

describe('broken YAML', () => {
  it('never quotes the file, whatever is wrong with it', () => {
    const marker = 'hunter2hunter2';
    const noise = fc.array(
      fc.constantFrom(
        marker,
        `"${marker}`,
        `'${marker}'`,
        `*${marker}`,
        `&${marker} `,
        `!${marker} `,
        `%${marker}`,
        `\\${marker}`,
        ': ',
        '\n',
        '- ',
        '[',
        ']',
        '{',
        '}',
        '\t',
        '  ',
        '? ',
        '|',
        '---\n',
        ',',
        '"\\q"',
      ),
    );
    fc.assert(
      fc.property(noise, (parts) => {
        const broken = parseYaml('x.yml', parts.join(''));
        expect(broken.ok ? [] : broken.problems.map((problem) => problem.message).join()).not.toContain(marker);
      }),
      { numRuns: 500 },
    );
  });

  it('survives a file that is nested very deeply', () => {
    const broken = parseYaml('x.yml', '['.repeat(100_000));
    expect(broken.ok).toBe(false);
  });

  it('reports every repeated key, and of other mistakes the first', () => {
    const broken = parseYaml('x.yml', 'a: 1\na: 2\nb: "x"y\nc: "z"w\n');
    expect(broken.ok ? [] : broken.problems.map((problem) => problem.line)).toEqual([2, 3]);
  });
});
