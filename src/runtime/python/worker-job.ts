import type { MxcpError } from '../../errors/index.js';
import type { CallerIdentity, JsonValue } from '../duckdb/index.js';
import { interrupted, toPythonError } from './python-failure.js';
import type { JobFailure, RaisedError, WorkerNotification } from './worker-protocol.js';

export interface JobListener {
  readonly caller?: CallerIdentity | undefined;
  readonly maxResultBytes?: number | undefined;
  readonly onShape?: ((shape: 'list' | 'value') => void) | undefined;
  readonly onItem?: ((value: JsonValue, text: string) => void) | undefined;
  readonly onNotification?: ((notification: WorkerNotification) => void) | undefined;
  readonly onHookFailures?: ((failures: readonly RaisedError[]) => void) | undefined;
}

/** Code that runs in a worker: a call, the hooks, a payload. Settles once, and may go on running after it has. */
export class WorkerJob {
  readonly number: number;
  readonly listener: JobListener;
  readonly settled: Promise<void>;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #refusal: { readonly error: unknown } | undefined;
  #isInterrupted = false;

  constructor(number: number, listener: JobListener) {
    this.number = number;
    this.listener = listener;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** The key of the database session that belongs to it. */
  get session(): string {
    return `j${this.number}`;
  }

  /** Nothing that the code still gives is wanted. */
  get isUnwanted(): boolean {
    return this.#isInterrupted || this.#refusal !== undefined;
  }

  interrupt(): void {
    this.#isInterrupted = true;
  }

  /** Returns false when whoever takes the result refuses it; the job is then to be cancelled. */
  take(deliver: (listener: JobListener) => void): boolean {
    if (this.isUnwanted) return true;
    try {
      deliver(this.listener);
      return true;
    } catch (error) {
      this.#refusal = { error };
      return false;
    }
  }

  /** The code has ended, or is waited for no longer. */
  settle(failure: JobFailure | undefined): void {
    if (this.#refusal !== undefined) this.#reject(this.#refusal.error);
    else if (this.#isInterrupted) this.#reject(interrupted());
    else if (failure === undefined) this.#resolve();
    else this.#reject(toPythonError(failure, this.listener.maxResultBytes ?? 0));
  }

  /** The worker has ended. */
  fail(error: MxcpError): void {
    if (this.isUnwanted) this.settle(undefined);
    else this.#reject(error);
  }
}
