import { toMxcpError } from '../errors/index.js';
import { LONGEST_TIMER_MS, mapParallel } from '../lifecycle/index.js';
import type { Admission, Authenticator, AuthRequest } from './credentials/index.js';

/** How often everything that is open is looked at. */
const RECHECK_MS = 15_000;
/** How long it may stay open while the identity provider cannot be asked. */
const UNCONFIRMED_MS = 5 * 60_000;
/** Questions at the same time; an identity provider answers calls too. */
const AT_ONCE = 8;

interface Opened {
  readonly request: AuthRequest;
  readonly admission: Admission;
  readonly end: () => void;
  readonly timer: NodeJS.Timeout | undefined;
  confirmedAt: number;
}

export interface OpenAccessOptions {
  readonly authenticator: Authenticator;
  readonly hasScopes: (admission: Admission) => boolean;
  readonly onEnded: (admission: Admission, request: AuthRequest) => void;
  readonly recheckMs?: number;
  /** On the clock of tokens. */
  readonly now?: () => number;
}

/**
 * What stays open for a caller after the request was let in, such as a stream of notifications. It ends with the credentials that
 * opened it: when they expire, when a reload or an operator takes them away, or when the identity provider revokes them.
 */
export class OpenAccess {
  readonly #options: OpenAccessOptions;
  readonly #now: () => number;
  readonly #opened = new Set<Opened>();
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;
  #isDue = false;

  constructor(options: OpenAccessOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Calls `end` once the credentials of the request give no access any more. Returns what stops that. */
  watch(request: AuthRequest, admission: Admission, end: () => void): () => void {
    const leftMs = admission.endsAt === undefined ? Infinity : Math.max(0, admission.endsAt - this.#now());
    // What ends later than a timer can wait for, the regular look finds.
    const timer = leftMs > LONGEST_TIMER_MS ? undefined : setTimeout(() => this.#end(opened), leftMs).unref();
    const opened: Opened = { request, admission, end, timer, confirmedAt: this.#now() };
    this.#opened.add(opened);
    this.#timer ??= setInterval(() => void this.recheck(), this.#options.recheckMs ?? RECHECK_MS).unref();
    return () => this.#forget(opened);
  }

  /** Looks at everything that is open now; a look that has begun already is followed by another one. Never rejects. */
  recheck(): Promise<void> {
    this.#isDue = true;
    this.#checking ??= this.#checkAll();
    return this.#checking;
  }

  dispose(): void {
    for (const opened of this.#opened) this.#forget(opened);
  }

  async #checkAll(): Promise<void> {
    while (this.#isDue) {
      this.#isDue = false;
      await mapParallel([...this.#opened], AT_ONCE, (opened) => this.#check(opened));
    }
    this.#checking = undefined;
  }

  async #check(opened: Opened): Promise<void> {
    const { authenticator, hasScopes } = this.#options;
    const { request, admission } = opened;
    try {
      const current = await authenticator.authenticate(request);
      if (!isSameUser(current, admission) || !hasScopes(current)) return this.#end(opened);
      opened.confirmedAt = this.#now();
    } catch (error) {
      const isAway = toMxcpError(error).code === 'identity_provider_unavailable';
      if (!isAway || this.#now() - opened.confirmedAt > UNCONFIRMED_MS) this.#end(opened);
    }
  }

  #end(opened: Opened): void {
    if (!this.#opened.has(opened)) return;
    this.#forget(opened);
    this.#options.onEnded(opened.admission, opened.request);
    opened.end();
  }

  #forget(opened: Opened): void {
    clearTimeout(opened.timer);
    this.#opened.delete(opened);
    if (this.#opened.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** A reload may have given a token to another user. */
function isSameUser({ caller: one }: Admission, { caller: other }: Admission): boolean {
  return one.provider === other.provider && one.userId === other.userId && one.username === other.username;
}
