export interface KeptValueOptions<T> {
  readonly read: () => Promise<T>;
  /** A younger value is used without a look at its source. */
  readonly freshMs: number;
  /** An older one is not used any more, even if the source does not answer. */
  readonly usableMs: number;
  /** How long after one read the next may begin, successful or not. */
  readonly pauseMs: number;
  /** Learns why an old value could not be replaced; it stays in use. */
  readonly onStale: (error: unknown) => void;
  readonly now?: () => number;
}

/**
 * A value that belongs to another server: read when it is first needed, read again now and then, and used a while longer if that
 * server is away. All who ask at the same time share one read, and reads have a pause between them, however many ask.
 */
export class KeptValue<T> {
  readonly #options: KeptValueOptions<T>;
  readonly #now: () => number;
  #kept: { readonly value: T; readonly at: number } | undefined;
  #reading: Promise<T> | undefined;
  #lastRead = -Infinity;
  #lastError: unknown;

  constructor(options: KeptValueOptions<T>) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Rejects with what the last read threw if there is no value that may be used. */
  async get(): Promise<T> {
    const { freshMs, usableMs, onStale } = this.#options;
    const kept = this.#kept;
    const age = kept === undefined ? Infinity : this.#now() - kept.at;
    if (kept === undefined || age > usableMs) return this.#readOnce();
    if (age > freshMs && this.#mayRead()) this.#readOnce().catch(onStale);
    return kept.value;
  }

  /** Reads again, unless that was done just now. Resolves with the value that is then kept. */
  async renew(): Promise<T> {
    if (this.#reading !== undefined || this.#mayRead()) return this.#readOnce();
    return this.get();
  }

  #mayRead(): boolean {
    return this.#now() - this.#lastRead >= this.#options.pauseMs;
  }

  async #readOnce(): Promise<T> {
    if (this.#reading === undefined && !this.#mayRead()) throw this.#lastError;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<T> {
    this.#lastRead = this.#now();
    try {
      const value = await this.#options.read();
      this.#kept = { value, at: this.#now() };
      return value;
    } catch (error) {
      this.#lastError = error;
      throw error;
    }
  }
}
