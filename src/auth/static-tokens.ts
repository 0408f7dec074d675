import { createHash, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../caller/index.js';
import type { AuthSettings } from '../config/index.js';
import { MxcpError } from '../errors/index.js';
import type { Admission, TokenVerifier } from './credentials/index.js';

interface KnownToken {
  readonly digest: Buffer;
  readonly caller: Caller;
}

/** The tokens of the configuration. A reload replaces them. */
export class StaticTokens implements TokenVerifier {
  readonly #current: () => AuthSettings;
  #known: { readonly of: AuthSettings['section']; readonly tokens: readonly KnownToken[] } | undefined;

  constructor(current: () => AuthSettings) {
    this.#current = current;
  }

  async verify(token: string): Promise<Admission> {
    const digest = digestOf(token);
    let caller: Caller | undefined;
    // All of them, so that the time does not show which one is near.
    for (const known of this.#tokens()) if (timingSafeEqual(known.digest, digest)) caller = known.caller;
    if (caller === undefined) throw new MxcpError('unauthenticated', 'the token is not known');
    return { caller };
  }

  #tokens(): readonly KnownToken[] {
    const { section } = this.#current();
    if (this.#known?.of !== section) {
      const { tokens = [] } = section.reveal().static ?? {};
      this.#known = {
        of: section,
        tokens: tokens.map((each) => ({ digest: digestOf(each.token), caller: toCaller(each) })),
      };
    }
    return this.#known.tokens;
  }
}

/** Of equal length whatever the token is, which the comparison needs. */
function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

type StaticToken = NonNullable<ReturnType<AuthSettings['section']['reveal']>['static']>['tokens'][number];

function toCaller({ username, user_id: userId = username, email, name, role, ...granted }: StaticToken): Caller {
  const { permissions, capabilities, scopes } = granted;
  return {
    userId,
    username,
    email: email ?? null,
    name: name ?? null,
    provider: 'static',
    role: role ?? 'user',
    permissions,
    capabilities,
    scopes,
    externalToken: null,
    profile: null,
  };
}
