import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseReference } from '../../../src/secrets/references/reference-grammar.js';

describe('parseReference', () => {
  it.each(['', 'plain', 'https://example.org/$HOME', 'a file://x', '$', '$NAME', '{NAME}', 'FILE://x'])(
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

  it('reads `$${` as a literal `${`', () => {
    expect(parseReference('$${A}')).toEqual({ kind: 'template', parts: ['${A}'] });
  });

  it.each([
    ['file://secrets/token', 'file', 'secrets/token'],
    ['file:///run/secrets/token', 'file', '/run/secrets/token'],
    ['vault://kv/team/db#password', 'vault', 'kv/team/db#password'],
    ['op://Private/db/password?attribute=otp', 'op', 'Private/db/password?attribute=otp'],
  ])('reads %s', (ref, scheme, locator) => {
    expect(parseReference(ref)).toEqual({ kind: 'store', scheme, ref, locator });
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
  ])('says what is wrong with %j and does not quote it', (text) => {
    const reference = parseReference(text);
    expect(reference).toMatchObject({ kind: 'malformed', reason: expect.stringContaining('must be') });
  });

  const name = fc.stringMatching(/^[A-Za-z0-9_]{1,12}$/);
  const literal = fc.string().filter((text) => !/[$]/.test(text) && !/^(?:file|vault|op):/.test(text));

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
        fc.pre(!/^(?:file|vault|op):\/\//.test(wanted) && !wanted.includes('$${'));
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
