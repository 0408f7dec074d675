import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { invalidConfig, problemsError } from '../../../src/errors/index.js';
import { checkSchema, parseYaml } from '../../../src/yaml/index.js';

const COUNT = 6000;
const lines = (line: (index: number) => string): string =>
  Array.from({ length: COUNT }, (_, index) => line(index)).join('');

describe('a file with very many problems', () => {
  it.each([
    ['repeated keys', `k: 1\n${'k: 1\n'.repeat(COUNT)}`, 'f.yml:2:1: this key already exists'],
    ['aliases without anchors', `l:\n${lines((index) => ` - *a${index}\n`)}`, 'f.yml:2:4: this alias'],
    ['unknown tags', `l:\n${' - !x 1\n'.repeat(COUNT)}`, 'f.yml:2:4: this tag'],
    ['keys called __proto__', '__proto__: 1\n'.repeat(COUNT), 'f.yml:1:1: `__proto__`'],
  ])('lists a hundred %s and counts the others', (_, text, first) => {
    const result = parseYaml('f.yml', text);
    const error = invalidConfig(result.ok ? [] : result.problems);
    const [summary, ...listed] = error.message.split('\n');
    expect(summary).toMatch(/^the configuration has (?:6000|5999) problems:$/);
    expect(listed).toHaveLength(101);
    expect(listed[0]?.trim()).toContain(first);
    expect(listed[100]).toMatch(/^ {2}and 5,(?:900|899) more$/);
  });

  it('lists a hundred unknown keys and wrong values, whatever they are and however long', () => {
    const schema = z.strictObject({ list: z.array(z.enum(['a', 'b'])) });
    const check = (text: string) => {
      const parsed = parseYaml('f.yml', text);
      if (!parsed.ok) throw new Error('sound YAML is expected');
      const checked = checkSchema({ schema, source: parsed.source, value: parsed.source.value });
      return checked.ok ? [] : checked.problems;
    };
    const unknown = check(`list: []\n${lines((index) => `lis${index}: 1\n`)}`);
    expect(unknown).toHaveLength(101);
    expect(unknown[0]).toEqual({
      file: 'f.yml',
      line: 2,
      column: 1,
      path: 'lis0',
      message: 'unknown key `lis0`; did you mean `list`?',
    });
    expect(unknown[100]).toEqual({ file: 'f.yml', message: 'and 5,900 more problems', count: 5900 });
    expect(check(`list:\n${'- c\n'.repeat(COUNT)}`)[100]).toMatchObject({ count: 5900 });
    const long = check(`? ${'k'.repeat(200_000)}\n: 1\nlist: [1, ${'"x", '.repeat(COUNT)}]\n`);
    expect(JSON.stringify(long).length).toBeLessThan(30_000);
  });
});

it('an error that lists the problems of many files has a hundred lines and the number of the others', () => {
  const problems = ['a.yml', 'b.yml', 'c.yml'].flatMap((file) => [
    ...Array.from({ length: 60 }, (_, index) => ({ file, line: index + 1, message: 'is wrong' })),
    { file, message: 'and 40 more problems', count: 40 },
  ]);
  const error = problemsError('endpoint_invalid', 'Found 3 endpoints with errors', problems);
  expect(error.problems).toHaveLength(100);
  expect(error.message.split('\n')).toHaveLength(102);
  expect(error.message).toMatch(/\n {2}and 161 more$/);
});
