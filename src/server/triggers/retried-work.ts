import type { BackgroundReport } from '../../contract/index.js';
import { messageOf, toOneLine } from '../../errors/index.js';
import { Backoff, type Disposable } from '../../lifecycle/index.js';
import type { Serving } from '../../project/index.js';
import type { AcceptedReload, ReloadOptions } from '../../reload/index.js';

const LIMITS = { firstMs: 1_000, longestMs: 5 * 60_000 } as const;

/** The last failure of work that is going to be tried again. */
export interface Failure {
  /** One line. */
  readonly reason: string;
  /** How many in a row. */
  readonly times: number;
  readonly retryAt: Date;
}

export interface RetriedWorkOptions {
  /** Rejects when it fails. */
  readonly work: () => Promise<void>;
  readonly onFailure?: ((failure: Failure) => void) | undefined;
}

/** Work that nobody waits for: when it fails it is done again, after longer and longer waits. */
export class RetriedWork implements Disposable {
  readonly #options: RetriedWorkOptions;
  readonly #backoff = new Backoff(LIMITS);
  #timer: NodeJS.Timeout | undefined;
  #failure: Failure | undefined;
  /** Counts what makes the end of a run that goes on uninteresting: a later run, a reset, the disposal. */
  #epoch = 0;
  #isDisposed = false;

  constructor(options: RetriedWorkOptions) {
    this.#options = options;
  }

  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** Does the work now, for a new reason: earlier failures do not make it wait. */
  start(): void {
    this.#backoff.reset();
    this.#run();
  }

  /** Something else has done what this work is for. */
  reset(): void {
    this.#epoch += 1;
    clearTimeout(this.#timer);
    this.#backoff.reset();
    this.#failure = undefined;
  }

  dispose(): void {
    this.reset();
    this.#isDisposed = true;
  }

  #run(): void {
    if (this.#isDisposed) return;
    clearTimeout(this.#timer);
    this.#epoch += 1;
    void this.#attempt(this.#epoch);
  }

  async #attempt(epoch: number): Promise<void> {
    try {
      await this.#options.work();
      if (epoch === this.#epoch) this.reset();
    } catch (error) {
      if (epoch === this.#epoch) this.#fail(messageOf(error));
    }
  }

  #fail(message: string): void {
    const waitMs = this.#backoff.next();
    this.#failure = {
      reason: toOneLine(message),
      times: this.#backoff.failures,
      retryAt: new Date(Date.now() + waitMs),
    };
    this.#timer = setTimeout(() => this.#run(), waitMs).unref();
    this.#options.onFailure?.(this.#failure);
  }
}

/** Something that the server does without being asked, once it serves. */
export interface BackgroundWork extends Disposable {
  /** After the start and after every swap. Must not throw. */
  update(serving: Serving): void;
  /** Undefined as long as there is nothing to do. */
  report(): BackgroundReport | undefined;
}

export type RequestReload = (options: ReloadOptions) => AcceptedReload;

/** Asks for a reload and waits for its end. Throws saying why it failed, in the words of its record. */
export async function reloadOrThrow(
  request: RequestReload,
  trigger: ReloadOptions['trigger'],
): Promise<void> {
  const { error } = await request({ trigger }).ended;
  if (error !== null)
    throw new Error(`the reload failed at ${error.stage} (${error.code}): ${error.message}`);
}

/** What `/status` says of work in the background: `fine` unless it fails. */
export function toReport(name: string, failure: Failure | undefined, fine: string): BackgroundReport {
  if (failure === undefined) return { name, status: 'ok', message: fine };
  const { reason, times, retryAt } = failure;
  const count = times === 1 ? '' : `, ${times} times in a row`;
  return {
    name,
    status: 'failing',
    message: `${reason}${count}; what served before still serves; tried again at ${retryAt.toISOString()}`,
  };
}
