import { z } from 'zod';
import type { SealingKey } from './sealing.js';

const envelopeSchema = z.strictObject({ expiresAt: z.number(), value: z.unknown() });

/**
 * Keeps the steps of a sign-in in the browser of the person, so that any number of requests that lead to nothing take no memory.
 * Everything is encrypted, limited in time and bound to a cookie that only this server can set and read.
 */
export class BrowserSession {
  readonly #key: SealingKey;
  readonly #isSecure: boolean;
  readonly #now: () => number;

  constructor({
    key,
    isSecure,
    now,
  }: { readonly key: SealingKey; readonly isSecure: boolean; readonly now: () => number }) {
    this.#key = key;
    this.#isSecure = isSecure;
    this.#now = now;
  }

  seal(value: unknown, context: string, lifetimeMs: number): string {
    return this.#key.seal(JSON.stringify({ expiresAt: this.#now() + lifetimeMs, value }), context);
  }

  /** Undefined when it was not sealed here for this context, or its time is over. */
  open<T>(sealed: string, context: string, schema: z.ZodType<T>): T | undefined {
    const text = this.#key.open(sealed, context);
    if (text === undefined) return undefined;
    const { expiresAt, value } = envelopeSchema.parse(JSON.parse(text));
    return expiresAt <= this.#now() ? undefined : schema.parse(value);
  }

  /** A `Set-Cookie` header. A lifetime of 0 removes the cookie. */
  cookie(name: string, value: string, lifetimeMs: number): string {
    const parts = [
      `${this.#nameOf(name)}=${value}`,
      'Path=/',
      `Max-Age=${Math.floor(lifetimeMs / 1000)}`,
      'HttpOnly',
      // The provider sends the person back by a link, which `Strict` would not count as a visit of this site.
      'SameSite=Lax',
      ...(this.#isSecure ? ['Secure'] : []),
    ];
    return parts.join('; ');
  }

  read(request: Request, name: string): string | undefined {
    const wanted = `${this.#nameOf(name)}=`;
    const pairs = (request.headers.get('cookie') ?? '').split(';').map((pair) => pair.trim());
    return pairs.find((pair) => pair.startsWith(wanted))?.slice(wanted.length);
  }

  /** With `__Host-`, no page of a neighbouring domain can set the cookie. Browsers accept it over TLS only. */
  #nameOf(name: string): string {
    return this.#isSecure ? `__Host-${name}` : name;
  }
}
