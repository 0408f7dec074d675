/** The end of one call: its caller's signal and its time limit together. Disposed when the call ends, whichever way. */
export class CallDeadline {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #callerSignal: AbortSignal;
  readonly #onCallerAbort = (): void => this.#controller.abort(this.#callerSignal.reason);
  #hasExpired = false;
  #isInterrupted = false;

  readonly #expire = (): void => {
    if (this.signal.aborted) return;
    this.#hasExpired = true;
    this.#controller.abort();
  };

  /** A limit of 0 is none. */
  constructor(callerSignal: AbortSignal, timeoutMs: number) {
    this.#callerSignal = callerSignal;
    this.signal = this.#controller.signal;
    if (callerSignal.aborted) this.#onCallerAbort();
    else callerSignal.addEventListener('abort', this.#onCallerAbort, { once: true });
    if (timeoutMs > 0) this.#timer = setTimeout(this.#expire, timeoutMs);
  }

  /** Ends the call for a reason of the server's own. May be asked for again; what ended the call first is what counts. */
  interrupt(): void {
    if (this.signal.aborted) return;
    this.#isInterrupted = true;
    this.#controller.abort();
  }

  /** Whether the server, and neither the caller nor the time limit, ended the call. */
  get isInterrupted(): boolean {
    return this.#isInterrupted;
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
