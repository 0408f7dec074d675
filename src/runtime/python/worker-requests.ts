import type { WorkerProblem } from './worker-protocol.js';

interface Waiting {
  readonly resolve: (problems: readonly WorkerProblem[]) => void;
  readonly reject: (error: unknown) => void;
}

/** Questions that a worker answers at once, with a list of problems. */
export class WorkerRequests {
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #gone: unknown;

  ask(send: (id: number) => void): Promise<readonly WorkerProblem[]> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#gone !== undefined) return reject(this.#gone);
      this.#waiting.set(id, { resolve, reject });
      send(id);
    });
  }

  answer(id: number, problems: readonly WorkerProblem[]): void {
    this.#waiting.get(id)?.resolve(problems);
    this.#waiting.delete(id);
  }

  /** The worker has ended: what waits fails, and so does whatever is asked from now on. */
  fail(error: Error): void {
    this.#gone = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
