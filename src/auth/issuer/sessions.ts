import { createHash } from 'node:crypto';
import type { SessionListRecord, SessionRecord } from '../../contract/index.js';
import { messageOf, MxcpError } from '../../errors/index.js';
import { within } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import type { IdentityProvider } from './identity-provider.js';
import { type Grant, GRANT_IDLE_MS, type IssuerStore } from './issuer-store.js';
import type { OAuthClients } from './oauth-clients.js';

interface Selection {
  /** A user id, a username or an address; undefined: all. */
  readonly user?: string | undefined;
  readonly limit: number;
  readonly offset: number;
}

export interface SessionsOptions {
  readonly store: IssuerStore;
  readonly clients: OAuthClients;
  readonly provider: Pick<IdentityProvider, 'revoke'>;
  readonly logger: Logger;
}

/** Questions to the provider at the same time, and how many may wait for their turn. */
const AT_ONCE = 4;
const MAX_WAITING = 200;
const CLOSING_MS = 1_000;

/** The people who have signed in, for operators, and the end of their sessions. No answer has a token or a part of one. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #waiting: Grant[] = [];
  readonly #revoking = new Set<Promise<void>>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  list({ user, limit, offset }: Selection): SessionListRecord {
    const found = [...this.#options.store.grants()].reverse().filter((grant) => isOf(grant, user));
    const sessions = found.slice(offset, offset + limit).map((grant) => this.#toRecord(grant));
    return { sessions, count: found.length };
  }

  /** Resolves once the end is on disk. Throws `session_not_found`, `persistence_failed`. */
  async end(id: string): Promise<SessionRecord> {
    const { store } = this.#options;
    const grant = [...store.grants()].find((each) => sessionIdOf(each) === id);
    if (grant === undefined)
      throw new MxcpError(
        'session_not_found',
        'no session has this id; it may have ended, and GET /auth/sessions lists all',
      );
    await this.endGrant(grant);
    return this.#toRecord(grant);
  }

  /** Ends the sessions of a user, or of all users, and returns their number. Throws `persistence_failed`. */
  async endAll(user: string | undefined): Promise<number> {
    const found = [...this.#options.store.grants()].filter((grant) => isOf(grant, user));
    await Promise.all(found.map((grant) => this.endGrant(grant)));
    return found.length;
  }

  /** Also at the provider, unless the person has another session here: many providers end all that an application has of a person. */
  async endGrant(grant: Grant): Promise<void> {
    const { store } = this.#options;
    await store.endGrant(grant.id);
    if (!store.hasGrantOf(grant.user)) this.#revokeSoon(grant);
  }

  async dispose(): Promise<void> {
    this.#waiting.length = 0;
    await within(Promise.all(this.#revoking), CLOSING_MS);
  }

  #revokeSoon(grant: Grant): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#options.logger.warn(
        { user: grant.user.userId },
        'a session has ended, and its token was not revoked at the identity provider: too many end at the same time',
      );
      return;
    }
    this.#waiting.push(grant);
    while (this.#revoking.size < AT_ONCE && this.#waiting.length > 0) this.#begin();
  }

  #begin(): void {
    const grant = this.#waiting.shift();
    if (grant === undefined) return;
    const revoking = this.#revoke(grant).finally(() => {
      this.#revoking.delete(revoking);
      this.#begin();
    });
    this.#revoking.add(revoking);
  }

  /** The session has ended here in any case. */
  async #revoke({ user: { userId: user }, external }: Grant): Promise<void> {
    const { provider, logger } = this.#options;
    try {
      const isRevoked = await provider.revoke(external);
      if (isRevoked) logger.info({ user }, 'the token of an ended session was revoked at the identity provider');
    } catch (error) {
      const reason = messageOf(error);
      logger.warn({ user, reason }, 'the token of an ended session could not be revoked at the identity provider');
    }
  }

  #toRecord(grant: Grant): SessionRecord {
    const { user, clientId, scopes, createdAt, usedAt, external } = grant;
    return {
      id: sessionIdOf(grant),
      userId: user.userId,
      username: user.username,
      email: user.email,
      provider: user.provider,
      clientId,
      clientName: this.#options.clients.nameOf(clientId) ?? null,
      scopes,
      signedInAt: new Date(createdAt),
      usedAt: new Date(usedAt),
      confirmedAt: new Date(external.checkedAt),
      endsAt: new Date(usedAt + GRANT_IDLE_MS),
    };
  }
}

/** Not the id of the grant, with which its tokens begin. */
function sessionIdOf({ id }: Grant): string {
  return createHash('sha256').update(`session ${id}`).digest('hex').slice(0, 20);
}

function isOf({ user }: Grant, name: string | undefined): boolean {
  return name === undefined || [user.userId, user.username, user.email].includes(name);
}
