import { createHmac } from 'node:crypto';

interface TotpSettings {
  readonly key: Buffer;
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
  readonly digits: number;
  readonly periodSeconds: number;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The one-time password of RFC 6238 for a moment. `secret` is an `otpauth://totp/…` address or a bare key in base 32.
 * Throws when it is neither; the message does not quote it.
 */
export function computeTotp(secret: string, now: Date): string {
  const { key, algorithm, digits, periodSeconds } = readSettings(secret.trim());
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now.getTime() / 1000 / periodSeconds)));
  const digest = createHmac(algorithm, key).update(counter).digest();
  const offset = digest.readUInt8(digest.length - 1) & 0x0f;
  const code = (digest.readUInt32BE(offset) & 0x7fffffff) % 10 ** digits;
  return String(code).padStart(digits, '0');
}

function readSettings(secret: string): TotpSettings {
  if (!/^otpauth:/i.test(secret)) {
    return { key: decodeBase32(secret), algorithm: 'sha1', digits: 6, periodSeconds: 30 };
  }
  if (!/^otpauth:\/\/totp\//i.test(secret) || !URL.canParse(secret))
    throw new Error('the one-time password is not of the kind that time makes (`otpauth://totp/…`)');
  const { searchParams: query } = new URL(secret);
  return {
    key: decodeBase32(query.get('secret') ?? ''),
    algorithm: readAlgorithm(query.get('algorithm') ?? 'SHA1'),
    digits: readNumber(query.get('digits') ?? '6', { from: 6, to: 9 }),
    periodSeconds: readNumber(query.get('period') ?? '30', { from: 1, to: 3600 }),
  };
}

function readAlgorithm(name: string): TotpSettings['algorithm'] {
  const known = (['sha1', 'sha256', 'sha512'] as const).find(
    (algorithm) => algorithm === name.toLowerCase().replace('-', ''),
  );
  if (known === undefined)
    throw new Error('the one-time password uses an algorithm other than SHA1, SHA256, SHA512');
  return known;
}

function readNumber(text: string, { from, to }: { readonly from: number; readonly to: number }): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new Error(`the one-time password has digits or a period that are not from ${from} to ${to}`);
}

function decodeBase32(text: string): Buffer {
  const letters = text.toUpperCase().replaceAll(/[\s-]|=+$/g, '');
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of letters) {
    const value = BASE32.indexOf(letter);
    if (value === -1) throw new Error('the key of the one-time password is not base 32');
    held = ((held << 5) | value) & 0xffff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  if (bytes.length === 0) throw new Error('the one-time password has no key');
  return Buffer.from(bytes);
}
