import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const ID_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const VERSION = 'q1';

/** Larger texts are not read: they hold no state that this server has sealed. */
export const MAX_STATE_LENGTH = 64 * 1024;

/** Seals a text so that nothing can read or change it. The id in front says which of several keys was used. */
export class StateKey {
  readonly #id: string;
  readonly #key: Buffer;

  constructor(secret: string | Buffer) {
    const derive = (purpose: string, bytes: number): Buffer =>
      Buffer.from(hkdfSync('sha256', secret, '', `mxcp question state: ${purpose}`, bytes));
    this.#id = derive('id', ID_BYTES).toString('hex');
    this.#key = derive('key', KEY_BYTES);
  }

  /** Lives as long as the process: after a restart, nothing that it sealed can be opened. */
  static random(): StateKey {
    return new StateKey(randomBytes(KEY_BYTES));
  }

  seal(text: string): string {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, this.#key, iv, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(this.#prefix));
    const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return this.#prefix + sealed.toString('base64url');
  }

  /** Undefined for everything but what this key has sealed, to the last character. */
  open(state: string): string | undefined {
    if (state.length > MAX_STATE_LENGTH || !state.startsWith(this.#prefix)) return undefined;
    const encoded = state.slice(this.#prefix.length);
    const sealed = Buffer.from(encoded, 'base64url');
    // Node skips characters that are not of base 64, so that many texts would mean the same.
    if (sealed.length < IV_BYTES + TAG_BYTES || sealed.toString('base64url') !== encoded) return undefined;
    const decipher = createDecipheriv(CIPHER, this.#key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(this.#prefix));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
    } catch {
      // The tag does not fit: the state was changed, or another key has the same id.
      return undefined;
    }
  }

  get #prefix(): string {
    return `${VERSION}.${this.#id}.`;
  }
}
