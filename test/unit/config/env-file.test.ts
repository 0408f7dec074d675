import { parseEnv } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseEnvFile } from '../../../src/secrets/references/env-file.js';

const read = (text: string): Record<string, string> => {
  const { values, problems } = parseEnvFile('a.env', text);
  expect(problems).toEqual([]);
  return Object.fromEntries(values);
};

/** `line:column` of every problem, and the beginning of its message. */
const problemsOf = (text: string): readonly string[] =>
  parseEnvFile('a.env', text).problems.map(
    ({ file, line, column, message }) => `${file}:${line}:${column}: ${message.split(';')[0]}`,
  );

const NO_LINE = 'this line is neither `NAME=value` nor a `#` comment';
const UNCLOSED = 'this quote is not closed';
const BEHIND = 'unexpected text after the closing quote';

describe('a line of an env file', () => {
  it.each([
    ['a name and a value', 'A=x', { A: 'x' }],
    ['spaces around both', '  A = x y  ', { A: 'x y' }],
    ['tabs', '\tA\t=\tx\t', { A: 'x' }],
    ['a value with more signs', 'A=x=y', { A: 'x=y' }],
    ['`export`', 'export  A=x', { A: 'x' }],
    ['`export` as a name', 'export =x', { export: 'x' }],
    ['names as Kubernetes has them', 'b.c-d=x\n1=y', { 'b.c-d': 'x', 1: 'y' }],
    ['no value', 'A=\nB=x', { A: '', B: 'x' }],
    ['only a space as a value', 'A= \nB=x', { A: '', B: 'x' }],
    ['blank lines and comments', '\n# c\n \t# c "\n   \nA=x', { A: 'x' }],
    ['the same name twice', 'A=x\nA=y', { A: 'y' }],
    ['line ends of Windows and of old Macs', 'A=x\r\nB="y\r\nz"\r\nC=1\rD=2', { A: 'x', B: 'y\nz', C: '1', D: '2' }],
    ['a `#` within a value', 'A=abc#123\nB=#x\nC=a##b', { A: 'abc#123', B: '#x', C: 'a##b' }],
    ['a comment behind a space', 'A=abc #123\nB= # c\nC=a\t#b', { A: 'abc', B: '', C: 'a' }],
    ['quotes', `A="a # 'b"\nB='c " # d'\nC=\`e ' " f\``, { A: "a # 'b", B: 'c " # d', C: `e ' " f` }],
    ['quotes within a value', `A=x"y"\nB=it's`, { A: 'x"y"', B: "it's" }],
    ['an empty value in quotes', `A=""\nB=''`, { A: '', B: '' }],
    ['spaces within quotes', 'A=" x "', { A: ' x ' }],
    ['a comment behind quotes', 'A="x" # c "\nB=\'y\'\t#', { A: 'x', B: 'y' }],
    [
      '`\\n` in each kind of quotes',
      'A="a\\nb"\nB=\'a\\nb\'\nC=`a\\nb`\nD=a\\nb',
      { A: 'a\nb', B: 'a\\nb', C: 'a\\nb', D: 'a\\nb' },
    ],
    [
      'a value of several lines',
      'A="-----BEGIN\nx=y\n# z\n-----END"\nB=x',
      { A: '-----BEGIN\nx=y\n# z\n-----END', B: 'x' },
    ],
  ])('has %s', (_what, text, expected) => {
    expect(read(text)).toEqual(expected);
    expect(read(`${text}\n`)).toEqual(expected);
  });

  it.each([
    ['a word', 'A=x\n  DB USER\nB=y', [`a.env:2:3: ${NO_LINE}`]],
    ['a name with a space', 'DB USER=x', [`a.env:1:1: ${NO_LINE}`]],
    ['no name', '=x', [`a.env:1:1: ${NO_LINE}`]],
    ['a colon for the sign', 'A: x', [`a.env:1:1: ${NO_LINE}`]],
    ['a no-break space before the name', '\u00a0A=x', [`a.env:1:1: ${NO_LINE}`]],
    ['a quote that is never closed', 'A=x\nB="y\nC=z\nD E\n', [`a.env:2:3: ${UNCLOSED}`, `a.env:4:1: ${NO_LINE}`]],
    ['only a quote', "A='", [`a.env:1:3: ${UNCLOSED}`]],
    ['a quote that another line closes', 'A="x\nB="y"\nC D', [`a.env:1:3: ${BEHIND}`, `a.env:3:1: ${NO_LINE}`]],
    ['a quote within quotes', 'A="x\\"y"', [`a.env:1:3: ${BEHIND}`]],
    ['a `#` right behind a quote', 'A = "x"#y', [`a.env:1:5: ${BEHIND}`]],
    ['line ends of Windows before it', 'A=x\r\n\r\nB', [`a.env:3:1: ${NO_LINE}`]],
  ])('is refused for %s', (_what, text, expected) => {
    expect(problemsOf(text)).toEqual(expected);
  });

  it('is reported at most fifty times, because such a file is most likely no env file', () => {
    const { problems } = parseEnvFile('a.log', 'x\n'.repeat(53));
    expect(problems).toHaveLength(51);
    expect(problems.at(-1)).toEqual({
      file: 'a.log',
      message: 'there are 3 more problems like these; is this an env file?',
    });
  });
});

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,5}$/).filter((text) => text !== '__proto__');
const space = fc.constantFrom('', ' ', '  ');
const without = (...characters: readonly string[]) =>
  fc
    .string({ unit: fc.constantFrom(...'aZ0=$\\n {}"\'`#:\n\té'), maxLength: 12 })
    .filter((text) => characters.every((character) => !text.includes(character)));
/** Node trims tabs only in some versions. */
const plain = without('#', '\n', '\t').filter((text) => !/^["'`]|^[ \t]*$/.test(text.trimStart()));
const comment = without('\n').map((text) => `#${text}`);
const quoted = fc.constantFrom('"', "'", '`').chain((quote) => without(quote).map((text) => `${quote}${text}${quote}`));
const behind = fc.oneof(
  space,
  comment.map((text) => ` ${text}`),
);
const value = fc.oneof(
  plain,
  fc.tuple(space, quoted, behind).map((parts) => parts.join('')),
  fc.constant(''),
);
const assignment = fc
  .tuple(fc.constantFrom('', 'export '), name, space, value)
  // Node 22 and 24 treat `export` as part of the name if there is no value.
  .map(([prefix, key, gap, text]) => `${text === '' ? '' : prefix}${key}${gap}=${text}`);
const soundLine = fc.oneof({ weight: 4, arbitrary: assignment }, comment, fc.constant(''));

describe('an env file', () => {
  it('is read as Node reads it if no line is malformed', () => {
    const file = fc.tuple(fc.array(soundLine), fc.constantFrom('\n', '\r\n'));
    fc.assert(
      fc.property(file, ([lines, end]) => {
        const text = lines
          .map((line) => `${line}\n`)
          .join('')
          .replaceAll('\n', end);
        expect(read(text)).toEqual({ ...parseEnv(text) });
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps the valid lines beside malformed ones, and reports each of those', () => {
    const broken = fc.constantFrom('A B', 'x', 'A="x" y', '=x', 'A: b');
    const lines = fc.array(fc.tuple(fc.boolean(), assignment, broken), { maxLength: 50 });
    fc.assert(
      fc.property(lines, (chosen) => {
        const text = chosen.map(([isSound, sound, unsound]) => (isSound ? sound : unsound)).join('\n');
        const sound = chosen.filter(([isSound]) => isSound).map(([, line]) => line);
        const { values, problems } = parseEnvFile('a.env', text);
        expect(Object.fromEntries(values)).toEqual(read(sound.join('\n')));
        expect(problems).toHaveLength(chosen.length - sound.length);
      }),
    );
  });

  it('of any text gives names that a variable can have, and messages that quote nothing', () => {
    fc.assert(
      fc.property(without(), (text) => {
        const { values, problems } = parseEnvFile('a.env', text);
        expect([...values.keys()].every((key) => /^[\w.-]+$/.test(key))).toBe(true);
        for (const { message } of problems) expect([NO_LINE, UNCLOSED, BEHIND]).toContain(message.split(';')[0]);
      }),
    );
  });
});
