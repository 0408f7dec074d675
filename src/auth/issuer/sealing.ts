import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

const deriveKey = promisify<string, Buffer, number, Buffer>(scrypt);

/** Encrypts and authenticates with AES-256-GCM. What was sealed for one context opens in no other. */
export class SealingKey {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /** The secret may be a passphrase: guessing it costs 16 MiB and about 50 ms for each attempt. */
  static async fromSecret(secret: string, salt: Buffer): Promise<SealingKey> {
    return new SealingKey(await deriveKey(secret, salt, KEY_BYTES));
  }

  /** Lives as long as the process. */
  static random(): SealingKey {
    return new SealingKey(randomBytes(KEY_BYTES));
  }

  /** A key for one purpose, from which this one cannot be computed. */
  forPurpose(purpose: string): SealingKey {
    return new SealingKey(Buffer.from(hkdfSync('sha256', this.#key, '', purpose, KEY_BYTES)));
  }

  seal(text: string, context: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce).setAAD(Buffer.from(context));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64url');
  }

  /** Undefined when the text was sealed with another key or for another context, or was changed. */
  open(sealed: string, context: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64url');
    if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const nonce = bytes.subarray(0, NONCE_BYTES);
    const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch {
      // The tag does not match: the result says so.
      return undefined;
    }
  }
}
