/** The end of one call: its caller's signal and its time limit together. Disposed when the call ends, whichever way. */
export class CallDeadline {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #callerSignal: AbortSignal;
  readonly #onCallerAbort = (): void => this.#controller.abort(this.#callerSignal.reason);
  #hasExpired = false;

  constructor(callerSignal: AbortSignal, timeoutMs: number) {
    this.#callerSignal = callerSignal;
    this.signal = this.#controller.signal;
    if (callerSignal.aborted) this.#onCallerAbort();
    else callerSignal.addEventListener('abort', this.#onCallerAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#hasExpired = !this.signal.aborted;
      this.#controller.abort();
    }, timeoutMs);
  }

  /** Whether the time limit, and not the caller, ended the call. */
  get hasExpired(): boolean {
    return this.#hasExpired;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#callerSignal.removeEventListener('abort', this.#onCallerAbort);
  }
}
