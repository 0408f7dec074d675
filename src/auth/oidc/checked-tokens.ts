import { createHash } from 'node:crypto';
import type { MxcpError } from '../../errors/index.js';
import type { Admission } from '../credentials/index.js';

/** What the provider said of a token, and how long that counts. */
export interface CheckedToken {
  readonly answer: Admission | { readonly refused: MxcpError };
  readonly lastsMs: number;
}

interface KeptAnswer extends CheckedToken {
  readonly at: number;
}

/** An answer may have half a megabyte of claims. */
const MAX_ANSWERS = 500;

/** Remembers, by hash, what the provider said of opaque tokens. Requests with the same token at the same time share one question. */
export class CheckedTokens {
  readonly #check: (token: string) => Promise<CheckedToken>;
  readonly #now: () => number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, KeptAnswer>();
  readonly #asking = new Map<string, Promise<CheckedToken>>();

  constructor(check: (token: string) => Promise<CheckedToken>, now = () => performance.now()) {
    this.#check = check;
    this.#now = now;
  }

  /**
   * Throws what the provider refused the token with, and what `check` throws. `assertMayAsk` decides whether the provider is asked about a
   * token that it has not accepted before.
   */
  async admit(token: string, assertMayAsk: () => void): Promise<Admission> {
    const { answer } = await this.#find(createHash('sha256').update(token).digest('base64'), token, assertMayAsk);
    if ('refused' in answer) throw answer.refused;
    return answer;
  }

  async #find(key: string, token: string, assertMayAsk: () => void): Promise<CheckedToken> {
    const kept = this.#kept.get(key);
    const isFresh = kept !== undefined && this.#now() - kept.at < kept.lastsMs;
    if (!isFresh && !this.#asking.has(key) && (kept === undefined || 'refused' in kept.answer)) assertMayAsk();
    this.#kept.delete(key);
    if (isFresh) {
      this.#kept.set(key, kept);
      return kept;
    }
    const asking = this.#asking.get(key) ?? this.#ask(key, token);
    this.#asking.set(key, asking);
    return asking;
  }

  async #ask(key: string, token: string): Promise<CheckedToken> {
    try {
      const at = this.#now();
      const checked = await this.#check(token);
      this.#kept.set(key, { ...checked, at });
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > MAX_ANSWERS && oldest !== undefined) this.#kept.delete(oldest);
      return checked;
    } finally {
      this.#asking.delete(key);
    }
  }
}
