import { messageOf } from '../../errors/index.js';
import { Backoff, type Disposable, LONGEST_TIMER_MS } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import { Secret } from '../references/secret.js';
import { limitTime, type TimeLimit } from './http-peer.js';
import { type VaultClient, VaultRefusal } from './vault-client.js';
import {
  describeToken,
  type HeldToken,
  type KnownToken,
  loadCredentials,
  login,
  lookUp,
  renew,
  type TokenState,
} from './vault-login.js';
import type { VaultLogin } from './vault-settings.js';

/** A token with less left than this is replaced before it is used, so that a resolve does not outlive it. */
const MINIMUM_LEFT_MS = 15_000;

/** Of a token that is short-lived anyway, this part: it serves for at least one resolve. */
const MINIMUM_LEFT_PART = 1 / 10;

/** At this part of its time a token is renewed, as Vault's own agent does it. */
const RENEW_AT = 2 / 3;
const PAUSES = { firstMs: 1_000, longestMs: 60_000 } as const;
const RENEWAL_LIMIT_MS = 10_000;

/**
 * Holds the token of a session: logs in when there is none, renews it in the background until it is disposed, and says
 * how it is. A token that was given and not logged in for is renewed too, and cannot be replaced.
 */
export class VaultTokenKeeper implements Disposable {
  readonly #client: VaultClient;
  readonly #login: VaultLogin;
  readonly #logger: Logger;
  readonly #disposed = new AbortController();
  readonly #pauses = new Backoff(PAUSES);
  #state: TokenState = { kind: 'none' };
  #acquiring: Promise<HeldToken> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #sent: readonly Secret[] = [];

  constructor(client: VaultClient, way: VaultLogin, logger: Logger) {
    this.#client = client;
    this.#login = way;
    this.#logger = logger;
  }

  /** The token to ask with; undefined when an agent adds its own. However many ask at once, there is one login. */
  async acquire(limit: TimeLimit): Promise<Secret | undefined> {
    if (this.#login.kind === 'none') return undefined;
    if (this.#state.kind === 'held' && this.#isGood(this.#state)) return this.#state.token;
    this.#acquiring ??= this.#obtain(limit).finally(() => {
      this.#acquiring = undefined;
    });
    return (await this.#acquiring).token;
  }

  /** A token of this session as Vault knows it. */
  known(token: Secret): KnownToken {
    return { token, namespace: 'namespace' in this.#login ? this.#login.namespace : undefined };
  }

  /** Vault does not take this token any more. True when the next `acquire` gets another one. */
  forget(token: Secret): boolean {
    if (this.#login.kind === 'none' || this.#login.kind === 'given') return false;
    if (this.#state.kind === 'held' && this.#state.token === token) this.#drop();
    return true;
  }

  /** What a person should know, and whether it is bad. */
  report(): { readonly status: 'ok' | 'failing'; readonly message: string } {
    return describeToken(this.#login, this.#state, performance.now());
  }

  /** How long the token is good if nothing renews it; undefined when that is not known, or known wrongly: it still serves. */
  get leftSeconds(): number | undefined {
    const endsAt = this.#state.kind === 'held' ? this.#state.endsAt : undefined;
    const leftMs = (endsAt ?? 0) - performance.now();
    return leftMs > 0 ? leftMs / 1000 : undefined;
  }

  /** The token, when there is one, and what the last login sent. */
  secrets(): readonly Secret[] {
    return [...(this.#state.kind === 'held' ? [this.#state.token] : []), ...this.#sent];
  }

  dispose(): void {
    this.#disposed.abort();
    clearTimeout(this.#timer);
  }

  #isGood({ endsAt, firstLeaseMs }: TokenState & { kind: 'held' }): boolean {
    // A given token is used to its end and beyond: what Vault says about it is more than what we know.
    if (this.#login.kind === 'given' || endsAt === undefined) return true;
    const neededMs = Math.min(MINIMUM_LEFT_MS, (firstLeaseMs ?? 0) * MINIMUM_LEFT_PART);
    return endsAt - performance.now() > neededMs;
  }

  async #obtain(limit: TimeLimit): Promise<HeldToken> {
    const held = await this.#logInOrLookUp(limit);
    this.#hold(held);
    return held;
  }

  async #logInOrLookUp(limit: TimeLimit): Promise<HeldToken> {
    const { kind } = this.#login;
    if (kind === 'given') {
      const { token } = this.#login;
      const known = await lookUp(this.#client, this.known(token), limit);
      return known ?? { token, leaseSeconds: undefined, renewable: false };
    }
    if (kind === 'none') throw new Error('this session has no token of its own');
    const credentials = await loadCredentials(this.#login, limit.signal);
    this.#sent = Object.values(credentials).map((value) => new Secret(value));
    return login(this.#client, { method: this.#login, credentials }, limit);
  }

  #hold({ token, leaseSeconds, renewable }: HeldToken): void {
    const now = performance.now();
    const leaseMs = leaseSeconds === undefined ? undefined : leaseSeconds * 1000;
    const endsAt = leaseMs === undefined ? undefined : now + leaseMs;
    const first =
      this.#state.kind === 'held' && this.#state.token === token ? this.#state.firstLeaseMs : leaseMs;
    // What is near its greatest age is renewed for less and less; a fresh login is better then.
    const isWorn = first !== undefined && leaseMs !== undefined && leaseMs < first / 3;
    this.#state = {
      kind: 'held',
      token,
      endsAt,
      firstLeaseMs: first,
      renewable: renewable && !isWorn,
      failing: undefined,
    };
    this.#pauses.reset();
    // A little earlier, each time differently, so that many servers do not come at the same moment.
    const renewAt = RENEW_AT * (1 - Math.random() / 10);
    this.#schedule(leaseMs === undefined || !this.#state.renewable ? undefined : leaseMs * renewAt);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#state = { kind: 'none' };
  }

  #schedule(pauseMs: number | undefined): void {
    clearTimeout(this.#timer);
    if (pauseMs === undefined || this.#disposed.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#renew(), Math.min(pauseMs, LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  /** Never throws: whatever happens becomes part of the state. */
  async #renew(): Promise<void> {
    const state = this.#state;
    if (state.kind !== 'held') return;
    const limit = limitTime(RENEWAL_LIMIT_MS, this.#disposed.signal);
    try {
      const renewed = await renew(this.#client, this.known(state.token), limit);
      // The same object, so that what is compared by identity stays the same token.
      if (this.#state === state)
        this.#renewed({ ...renewed, token: state.token }, state.failing !== undefined);
    } catch (error) {
      if (!this.#disposed.signal.aborted && this.#state === state) this.#renewalFailed(state, error);
    }
  }

  #renewed(held: HeldToken, wasFailing: boolean): void {
    this.#hold(held);
    if (wasFailing) this.#logger.info('the token of Vault is renewed again');
  }

  #renewalFailed(state: TokenState & { kind: 'held' }, error: unknown): void {
    const isRefused = error instanceof VaultRefusal && error.status === 403;
    if (isRefused && this.#login.kind !== 'given') {
      this.#drop();
      return;
    }
    const reason = messageOf(error);
    if (state.failing === undefined) this.#logger.warn({ reason }, 'the token of Vault could not be renewed');
    this.#state = { ...state, failing: reason };
    const pauseMs = this.#pauses.next();
    const isOver = state.endsAt !== undefined && state.endsAt <= performance.now();
    this.#schedule(isOver ? undefined : pauseMs);
  }
}
