import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readJsonObject, readParameters } from '../../../src/cli/command/json-arguments.js';

describe('parameters', () => {
  it('keeps everything after the first = as text', () => {
    expect(readParameters(['a=1', 'b=x=y', 'c='], '/')).toEqual({ a: '1', b: 'x=y', c: '' });
    expect(readParameters(undefined, '/')).toEqual({});
  });

  it('gives any name and value back', () => {
    const name = fc.stringMatching(/^[a-z_]\w*$/);
    const value = fc.string();
    fc.assert(
      fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (given) => {
        const options = Object.entries(given).map(([key, text]) => `${key}=${text.replace(/^@/, '@@')}`);
        expect(readParameters(options, '/')).toEqual(given);
      }),
    );
  });

  it.each([
    [['a'], '--param must be name=value or name=@file.json'],
    [['=1'], '--param must be name=value or name=@file.json'],
    [['a=1', 'a=2'], 'parameter "a" is given twice'],
    [
      ['a=@alice'],
      'cannot read the file "alice": ENOENT: no such file or directory; for the text "@alice" write a=@@alice',
    ],
    [['a=@/'], 'cannot read the file "/": EISDIR: illegal operation on a directory; for the text'],
    [['a=@package.json.md'], 'cannot read the file "package.json.md"'],
  ])('refuses %j', (given, message) => {
    expect(() => readParameters(given, '/')).toThrow(message);
  });
});

describe('options that are JSON objects', () => {
  it('reads one, or none', () => {
    expect(readJsonObject('--user-context', '{"username":"ada"}', '/')).toEqual({ username: 'ada' });
    expect(readJsonObject('--user-context', undefined, '/')).toBeUndefined();
  });

  it('says where the JSON ends to be JSON, once', () => {
    expect(() => readJsonObject('--user-context', 'ada', '/')).toThrow(
      /^--user-context is not valid JSON: Unexpected token 'a'$/,
    );
  });

  it.each(['[]', '1', 'null', '{'])('refuses %s', (text) => {
    expect(() => readJsonObject('--user-context', text, '/')).toThrow('--user-context');
  });
});
