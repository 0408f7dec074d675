import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeTotp } from '../../../src/secrets/stores/onepassword-connect.js';

/** The keys of RFC 6238, appendix B, in base 32: the digits 1 to 0, repeated to 20, 32 and 64 bytes. */
const KEYS = {
  SHA1: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
  SHA256: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA',
  SHA512: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA',
} as const;

const at = (seconds: number): Date => new Date(seconds * 1000);

const uri = (algorithm: keyof typeof KEYS, more = ''): string =>
  `otpauth://totp/Example:ann?secret=${KEYS[algorithm]}&algorithm=${algorithm}&digits=8&period=30${more}`;

describe('computeTotp', () => {
  // The table of RFC 6238, appendix B.
  it.each([
    [59, '94287082', '46119246', '90693936'],
    [1_111_111_109, '07081804', '68084774', '25091201'],
    [1_111_111_111, '14050471', '67062674', '99943326'],
    [1_234_567_890, '89005924', '91819424', '93441116'],
    [2_000_000_000, '69279037', '90698825', '38618901'],
    [20_000_000_000, '65353130', '77737706', '47863826'],
  ])('at %d gives what the standard says', (seconds, sha1, sha256, sha512) => {
    expect(computeTotp(uri('SHA1'), at(seconds))).toBe(sha1);
    expect(computeTotp(uri('SHA256'), at(seconds))).toBe(sha256);
    expect(computeTotp(uri('SHA512'), at(seconds))).toBe(sha512);
  });

  it('takes a bare key, also with blanks and in lower case, as six digits of thirty seconds', () => {
    expect(computeTotp('gezd gnbv gy3t qojq gezd gnbv gy3t qojq', at(59))).toBe('287082');
    expect(computeTotp(`${KEYS.SHA1}====`, at(59))).toBe('287082');
    expect(computeTotp(`otpauth://totp/x?secret=${KEYS.SHA1}`, at(59))).toBe('287082');
    expect(computeTotp(`otpauth://totp/x?secret=${KEYS.SHA1}&period=60`, at(119))).toBe('287082');
  });

  it.each([
    ['', /has no key/],
    ['not base 32!', /is not base 32/],
    ['otpauth://hotp/x?secret=GEZDGNBV&counter=1', /is not time-based/],
    ['otpauth://totp/x', /has no key/],
    [uri('SHA1').replace('SHA1', 'MD5'), /an algorithm other than/],
    [uri('SHA1').replace('digits=8', 'digits=99'), /the digits or the period of the one-time password are not from/],
    [uri('SHA1').replace('period=30', 'period=0'), /the digits or the period of the one-time password are not from/],
  ])('refuses %j without quoting it', (secret, says) => {
    expect(() => computeTotp(secret, at(0))).toThrow(says);
    if (secret !== '')
      expect(() => computeTotp(secret, at(0))).not.toThrow(new RegExp(secret.slice(-8).replaceAll(/[^\w]/g, '.')));
  });

  it('is the same within a period and always has its digits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000 }), fc.integer({ min: 0, max: 29 }), (period, offset) => {
        const begun = computeTotp(KEYS.SHA1, at(period * 30));
        expect(computeTotp(KEYS.SHA1, at(period * 30 + offset))).toBe(begun);
        expect(begun).toMatch(/^\d{6}$/);
      }),
    );
  });
});
