/** DuckDB hears an interrupt between two steps of a query. One step may take minutes, such as the read of a named pipe. */
const HEARING_MS = 2000;

type EndedBy = 'caller' | 'time limit' | 'server';

/** Ends one call when its caller, its time limit or the server says so. Disposed when the call ends. */
export class CallDeadline {
  readonly #controller = new AbortController();
  readonly signal: AbortSignal = this.#controller.signal;
  readonly #unheard = new AbortController();
  /** Aborts, for the same reason, when the work has had the time to hear `signal`. */
  readonly unheard: AbortSignal = this.#unheard.signal;
  readonly #callerSignal: AbortSignal;
  #timer: NodeJS.Timeout | undefined;
  readonly #onCallerAbort = (): void => this.#end('caller', this.#callerSignal.reason);
  #endedBy: EndedBy | undefined;

  /** A limit of 0 is none. */
  constructor(callerSignal: AbortSignal, timeoutMs: number) {
    this.#callerSignal = callerSignal;
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#end('time limit'), timeoutMs);
    if (callerSignal.aborted) this.#onCallerAbort();
    else callerSignal.addEventListener('abort', this.#onCallerAbort, { once: true });
  }

  /** What ended the call first; undefined while nothing has. */
  get endedBy(): EndedBy | undefined {
    return this.#endedBy;
  }

  /** Ends the call for a reason of the server. Idempotent. */
  interrupt(): void {
    this.#end('server');
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#callerSignal.removeEventListener('abort', this.#onCallerAbort);
  }

  #end(by: EndedBy, reason?: unknown): void {
    if (this.signal.aborted) return;
    this.#endedBy = by;
    this.#controller.abort(reason);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#unheard.abort(this.signal.reason), HEARING_MS);
  }
}
