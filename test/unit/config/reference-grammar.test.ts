import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeMistakable, parseReference } from '../../../src/secrets/references/reference-grammar.js';

describe('parseReference', () => {
  it.each(['', 'plain', 'https://example.org/$HOME', 'a file://x', '$', '$NAME', '{NAME}', 'FILES://x'])(
    'takes %j as plain text',
    (text) => {
      expect(parseReference(text)).toBeUndefined();
    },
  );

  it('reads variables, defaults and the text around them', () => {
    expect(parseReference('a${ONE}b${TWO:-x:-y}')).toEqual({
      kind: 'template',
      parts: ['a', { name: 'ONE' }, 'b', { name: 'TWO', fallback: 'x:-y' }],
    });
  });

  it('reads an empty default', () => {
    expect(parseReference('${A:-}')).toEqual({ kind: 'template', parts: [{ name: 'A', fallback: '' }] });
  });

  it('keeps a brace behind a default that closes one before', () => {
    expect(parseReference('{"a": {"port": ${PORT:-80}}}')).toEqual({
      kind: 'template',
      parts: ['{"a": {"port": ', { name: 'PORT', fallback: '80' }, '}}'],
    });
    expect(parseReference('${A}}')).toEqual({ kind: 'template', parts: [{ name: 'A' }, '}'] });
  });

  it('reads `$${` as a literal `${`', () => {
    expect(parseReference('$${A}')).toEqual({ kind: 'template', parts: ['${A}'] });
  });

  it.each([
    ['file://secrets/token', 'file', 'secrets/token'],
    ['file:///run/secrets/token', 'file', '/run/secrets/token'],
    ['vault://kv/team/db#password', 'vault', 'kv/team/db#password'],
    ['op://Private/db/password?attribute=otp', 'op', 'Private/db/password?attribute=otp'],
    ['FILE://Token', 'file', 'Token'],
    ['Vault://Kv/App#S', 'vault', 'Kv/App#S'],
    ['OP://V/i/f', 'op', 'V/i/f'],
  ])('reads %s', (ref, scheme, locator) => {
    expect(parseReference(ref)).toEqual({ kind: 'store', scheme, ref: `${scheme}://${locator}`, locator });
  });

  it.each([
    '${',
    '${}',
    '${A',
    '${A-B}',
    '${A:x}',
    'x${ A }',
    'file://',
    'vault://kv/db',
    'vault://#k',
    'op://x',
    'op:///x',
    ' file://x',
    '\n\tVAULT://kv/db#k',
    '\u00a0op://v/i/f',
    '${A:-${B}}',
    'x${A:-a${B}b}',
    '${A:-{}}',
    '${A:-x}}',
    '{}${A:-x}}',
  ])('says what is wrong with %j and does not quote it', (text) => {
    const reference = parseReference(text);
    expect(reference).toMatchObject({ kind: 'malformed', reason: expect.stringContaining('must be') });
  });

  const name = fc.stringMatching(/^[A-Za-z0-9_]{1,12}$/);
  const literal = fc.string().filter((text) => !/[$]/.test(text) && !/^\s*(?:file|vault|op):/i.test(text));

  it('keeps the literal parts and the names of every template', () => {
    fc.assert(
      fc.property(literal, fc.array(fc.tuple(name, literal), { minLength: 1 }), (head, tail) => {
        const text = head + tail.map(([variable, rest]) => `\${${variable}}${rest}`).join('');
        const reference = parseReference(text);
        expect(reference?.kind).toBe('template');
        if (reference?.kind !== 'template') return;
        const parts = reference.parts.map((part) => (typeof part === 'string' ? part : `\${${part.name}}`));
        expect(parts.join('')).toBe(text);
      }),
    );
  });

  it('keeps any text unchanged if each `${` is written `$${`', () => {
    fc.assert(
      fc.property(fc.string(), (wanted) => {
        fc.pre(!/^\s*(?:file|vault|op):\/\//i.test(wanted) && !wanted.includes('$${'));
        const written = wanted.replaceAll('${', '$${');
        const reference = parseReference(written);
        const read = reference?.kind === 'template' ? reference.parts.join('') : written;
        expect(read).toBe(wanted);
      }),
    );
  });

  it('never throws', () => {
    const alphabet = fc.constantFrom('$', '{', '}', ':', '-', 'A', '#', '/', 'file://', 'vault://', 'op://', ' ');
    fc.assert(
      fc.property(
        fc.array(alphabet).map((parts) => parts.join('')),
        (text) => void parseReference(text),
      ),
    );
  });
});

describe('a text that is plain and was probably not meant to be', () => {
  const judge = (text: string) => describeMistakable(text, ['file', 'vault', 'op', 'keyring']);

  it.each([
    ['https://$HOST/', '`$` with a name'],
    ['$name', '`$` with a name'],
    ['$DB', '`$` with a name'],
    ['{{ env.HOST }}', '`{{ … }}`'],
    ['https://{{HOST}}/', '`{{ … }}`'],
    ['$(cat token)', 'a command of a shell'],
    ['env://TOKEN', 'looks like a variable'],
    ['env:TOKEN', 'looks like a variable'],
    ['$env:TOKEN', 'looks like a variable'],
    ['file:/run/token', 'begins like a reference'],
    ['vault:kv/app#s', 'begins like a reference'],
    ['Bearer file://secrets/token', 'contains a reference after other text'],
    ['token=OP://v/i/f', 'contains a reference after other text'],
    ['valut://kv/app#s', 'did you mean `vault://`?'],
    ['keyrings://x', 'did you mean `keyring://`?'],
  ])('%j is recognised and not quoted', (text, words) => {
    expect(judge(text)).toContain(words);
  });

  it.each([
    '',
    'plain',
    'https://example.org/a?b=$1',
    's3://bucket/*.parquet',
    'postgres://u:p@h/db',
    'P$SSW0RD',
    'a$b',
    '$',
    '$1',
    'pa$$word',
    '{"a":{"b":1}}',
    'profile://x',
    'env:prod,team:x',
    'unix:///run/vault.sock',
  ])('%j is not', (text) => {
    expect(judge(text)).toBeUndefined();
  });
});
