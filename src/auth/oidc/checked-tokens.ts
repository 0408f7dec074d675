import { createHash } from 'node:crypto';
import type { MxcpError } from '../../errors/index.js';
import type { Admission } from '../credentials/index.js';

/** What the provider said of a token, and how long that counts. */
export interface CheckedToken {
  readonly answer: Admission | { readonly refused: MxcpError };
  readonly lastsMs: number;
}

/** A token, and what it must be for: it may be good for one group of a server and not for another. */
export interface TokenForNames {
  readonly token: string;
  readonly names: readonly string[];
}

type Check = (token: string, names: readonly string[]) => Promise<CheckedToken>;

interface KeptAnswer extends CheckedToken {
  readonly at: number;
}

/** An answer may have half a megabyte of claims. */
const MAX_ANSWERS = 500;

/** Remembers, by hash, what the provider said of opaque tokens. Requests with the same token at the same time share one question. */
export class CheckedTokens {
  readonly #check: Check;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, KeptAnswer>();
  readonly #asking = new Map<string, Promise<CheckedToken>>();

  constructor(check: Check, now = () => performance.now()) {
    this.#check = check;
    this.#now = now;
  }

  /**
   * Throws what the provider refused the token with, and what `check` throws. `assertMayAsk` decides whether the provider is asked about a
   * token that it has not accepted before.
   */
  async admit(asked: TokenForNames, assertMayAsk: () => void): Promise<Admission> {
    const key = createHash('sha256')
      .update([asked.token, ...asked.names].join(' '))
      .digest('base64');
    const { answer } = await this.#find(key, asked, assertMayAsk);
    if ('refused' in answer) throw answer.refused;
    return answer;
  }

  async #find(key: string, asked: TokenForNames, assertMayAsk: () => void): Promise<CheckedToken> {
    const kept = this.#kept.get(key);
    const isFresh = kept !== undefined && this.#now() - kept.at < kept.lastsMs;
    if (!isFresh && !this.#asking.has(key) && (kept === undefined || 'refused' in kept.answer)) assertMayAsk();
    this.#kept.delete(key);
    if (isFresh) {
      this.#kept.set(key, kept);
      return kept;
    }
    const asking = this.#asking.get(key) ?? this.#ask(key, asked);
    this.#asking.set(key, asking);
    return asking;
  }

  async #ask(key: string, { token, names }: TokenForNames): Promise<CheckedToken> {
    try {
      const at = this.#now();
      const checked = await this.#check(token, names);
      this.#kept.set(key, { ...checked, at });
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > MAX_ANSWERS && oldest !== undefined) this.#kept.delete(oldest);
      return checked;
    } finally {
      this.#asking.delete(key);
    }
  }
}
