import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeOnepasswordLocator, splitOnepasswordLocator } from '../../../src/secrets/references/reference-grammar.js';
import { parseReference } from '../../../src/secrets/references/reference-grammar.js';
import { judgeVaultLocator, splitLocator } from '../../../src/secrets/references/reference-grammar.js';

/** A valid part of a path: no separators, and neither `.` nor `..`. */
const part = (forbidden: RegExp) =>
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter(
      (text) => !forbidden.test(text) && !/\p{Cc}/u.test(text) && !['.', '..'].includes(text) && text.trim() !== '',
    );

describe('a Vault locator', () => {
  const segment = part(/[/#]/);
  const key = part(/#/);

  it('of any mount, path and key is read back as it was written', () => {
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), key, (segments, name) => {
        const path = segments.join('/');
        const ref = `vault://${path}#${name}`;
        expect(parseReference(ref)).toEqual({ kind: 'store', scheme: 'vault', ref, locator: `${path}#${name}` });
        expect(splitLocator(`${path}#${name}`)).toEqual({ path, key: name });
      }),
    );
  });

  it('with an empty part, `..`, or a control character is refused without being quoted', () => {
    const wrong = fc.constantFrom('', '.', '..', 'a\u0000b', 'a\nb');
    fc.assert(
      fc.property(
        fc.array(segment, { maxLength: 3 }),
        wrong,
        fc.array(segment, { maxLength: 3 }),
        (before, odd, after) => {
          const reason = judgeVaultLocator(`${[...before, odd, ...after].join('/')}#key`);
          expect(reason).toContain('a Vault reference must be `vault://<mount>/<path>#<key>`');
          if (odd.length > 2) expect(reason).not.toContain(odd);
        },
      ),
    );
  });

  it.each(['kv/db', '#k', 'kv/db#', 'kv/db#a#b', '/kv/db#k', 'kv/db/#k', ''])('%j is refused', (locator) => {
    expect(judgeVaultLocator(locator)).toContain('must be');
  });

  it.each(['db#k', 'a/b/c/d#k', 'kv/a b#k k', 'kv/...#k', 'kv/db?x=1#k', 'kv/ü#k'])('%j is fine', (locator) => {
    expect(judgeVaultLocator(locator)).toBeUndefined();
  });

  it('never throws, and never lets through what `splitLocator` would lose', () => {
    const alphabet = fc.constantFrom('a', '/', '#', '.', '..', '%', '?', ' ', '\u0001');
    fc.assert(
      fc.property(
        fc.array(alphabet).map((parts) => parts.join('')),
        (locator) => {
          if (judgeVaultLocator(locator) !== undefined) return;
          const { path, key: name } = splitLocator(locator);
          expect(`${path}#${name}`).toBe(locator);
          expect(path.split('/').every((each) => each !== '' && each !== '.' && each !== '..')).toBe(true);
          expect(name).not.toBe('');
        },
      ),
    );
  });
});

describe('a 1Password locator', () => {
  const name = part(/[/?]/);

  it('of any vault, item, section and field is read back as it was written', () => {
    fc.assert(
      fc.property(
        fc.tuple(name, name, name),
        fc.option(name, { nil: undefined }),
        fc.constantFrom('', '?attribute=otp', '?attribute=totp'),
        ([vault, item, field], section, query) => {
          const path = [vault, item, ...(section === undefined ? [] : [section]), field].join('/');
          const ref = `op://${path}${query}`;
          expect(parseReference(ref)).toMatchObject({ kind: 'store', scheme: 'op', ref });
          expect(splitOnepasswordLocator(`${path}${query}`)).toEqual({
            vault,
            item,
            section,
            field,
            isOtp: query !== '',
          });
        },
      ),
    );
  });

  it.each([
    '',
    'v',
    'v/i',
    'v/i/',
    '/i/f',
    'v//f',
    'v/i/s/f/x',
    'v/i/f?',
    'v/i/f?attribute=type',
    'v/i/f?attribute=otp?x',
    'v/i/ ',
    'v/i/f\n',
  ])('%j is refused', (locator) => {
    expect(judgeOnepasswordLocator(locator)).toContain('a 1Password reference must be `op://');
  });

  it('never throws', () => {
    const alphabet = fc.constantFrom('a', '/', '?', 'attribute=otp', '=', ' ', '\u0001');
    fc.assert(
      fc.property(
        fc.array(alphabet).map((parts) => parts.join('')),
        (locator) => {
          judgeOnepasswordLocator(locator);
          splitOnepasswordLocator(locator);
        },
      ),
    );
  });
});

describe('the scheme of an added store', () => {
  it('turns otherwise plain texts into references', () => {
    expect(parseReference('pass://a/b')).toBeUndefined();
    expect(parseReference('pass://a/b', ['pass'])).toEqual({
      kind: 'store',
      scheme: 'pass',
      ref: 'pass://a/b',
      locator: 'a/b',
    });
    expect(parseReference('pass://', ['pass'])).toEqual({
      kind: 'malformed',
      reason: 'a reference must be `pass://` and what it points to',
    });
    expect(parseReference('https://example.org', ['pass'])).toBeUndefined();
  });
});
