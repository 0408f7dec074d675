import { raceSignal } from './timing.js';

/** Something that frees what it holds. `dispose` may be called more than once; later calls do nothing. */
export interface Disposable {
  dispose(): void | Promise<void>;
}

/**
 * Owns things that are freed together, in the reverse of the order in which they were added. Every step runs, also after one
 * fails; the failures are thrown together.
 */
export class Disposer implements Disposable {
  readonly #steps: (() => void | Promise<void>)[] = [];
  #disposed: Promise<void> | undefined;

  /** Adds a resource and returns it, so that acquiring and owning are one line. */
  own<T extends Disposable>(resource: T): T {
    this.defer(() => resource.dispose());
    return resource;
  }

  defer(step: () => void | Promise<void>): void {
    if (this.#disposed !== undefined) throw new Error('Disposer is already disposed');
    this.#steps.push(step);
  }

  /** Throws an `AggregateError` with every failure after all steps have run. */
  dispose(): Promise<void> {
    this.#disposed ??= this.#run();
    return this.#disposed;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.reverse()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) {
      const reasons = failures.map(String).join('; ');
      throw new AggregateError(failures, `not everything could be freed: ${reasons}`);
    }
  }
}

/** Freezes a value and everything that can be reached from it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const key of Reflect.ownKeys(value)) deepFreeze(Reflect.get(value, key));
  return value;
}

/** Who asks for a lease. */
export interface LeaseHolder {
  /** Names the call in messages about what a reload waits for, e.g. `tool "sales"`. Read only when leases are listed. */
  readonly label: string;
  /** Ends the work early because the generation is to be freed. The lease is released when the work has ended. */
  readonly interrupt: () => void;
}

/** A lease as those who wait for its end see it. */
export interface LeaseInUse extends LeaseHolder {
  readonly since: Date;
}

/** A call's hold on a generation. The generation is disposed only after every lease on it was released. */
export interface Lease<T> {
  readonly generation: Generation<T>;
  readonly contents: T;
  /** Idempotent. */
  release(): void;
}

/**
 * One immutable set of everything a call needs, with the leases of the calls that use it. Its life: built, current (leases are
 * given), retired (no new leases), drained (no leases left), disposed.
 */
export class Generation<T> implements Disposable {
  readonly number: number;
  readonly contents: T;
  readonly #disposeContents: () => Promise<void>;
  /** Each with the promise of its release, the oldest first. */
  readonly #leases = new Map<{ readonly holder: LeaseHolder; readonly since: Date }, Promise<void>>();
  #retired = false;
  #disposed: Promise<void> | undefined;

  constructor(number: number, contents: T, disposeContents: () => Promise<void>) {
    this.number = number;
    this.contents = contents;
    this.#disposeContents = disposeContents;
  }

  get activeLeases(): number {
    return this.#leases.size;
  }

  /** The oldest first. */
  get leases(): readonly LeaseInUse[] {
    return [...this.#leases.keys()].map(({ holder: { label, interrupt }, since }) => ({ label, interrupt, since }));
  }

  acquire(holder: LeaseHolder): Lease<T> {
    if (this.#retired) throw new Error(`generation ${this.number} is retired`);
    const lease = { holder, since: new Date() };
    let resolveReleased = (): void => undefined;
    this.#leases.set(lease, new Promise((resolve) => (resolveReleased = resolve)));
    const release = (): void => {
      this.#leases.delete(lease);
      resolveReleased();
    };
    return { generation: this, contents: this.contents, release };
  }

  retire(): void {
    this.#retired = true;
  }

  /**
   * Resolves when every lease that is held now was released; leases given later are not waited for. A retired generation is then
   * drained. Throws the signal's reason when that aborts first.
   */
  async leasesEnded(signal?: AbortSignal): Promise<void> {
    await raceSignal(Promise.all(this.#leases.values()), signal);
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#disposeContents();
    return this.#disposed;
  }
}

/**
 * A time in which new calls wait because no call may run. A waiting call still ends when its client disconnects or its time is
 * over. The code that began the pause releases it.
 */
export class Pause<T> {
  readonly #acquire: (holder: LeaseHolder) => Lease<T>;
  readonly #onEnd: () => void;
  readonly #startedAt = performance.now();
  readonly #waiting = new Set<() => void>();
  #durationMs: number | undefined;
  #requestsHeld = 0;

  constructor(acquire: (holder: LeaseHolder) => Lease<T>, onEnd: () => void) {
    this.#acquire = acquire;
    this.#onEnd = onEnd;
  }

  /** Until now, or until the release. */
  get durationMs(): number {
    return this.#durationMs ?? performance.now() - this.#startedAt;
  }

  /** All calls that had to wait, including those that gave up before the end. */
  get requestsHeld(): number {
    return this.#requestsHeld;
  }

  /** Resolves with a lease when the pause is released. Throws the signal's reason when that aborts first. */
  async wait(holder: LeaseHolder, signal?: AbortSignal): Promise<Lease<T>> {
    signal?.throwIfAborted();
    this.#requestsHeld += 1;
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve(this.#acquire(holder));
      };
      const giveUp = (): void => {
        this.#waiting.delete(proceed);
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting.add(proceed);
    });
  }

  /**
   * Gives every waiting call its lease, in order of arrival and before it returns, so that no call waits for two pauses in a row.
   * Idempotent.
   */
  release(): void {
    if (this.#durationMs !== undefined) return;
    this.#durationMs = this.durationMs;
    this.#onEnd();
    for (const proceed of this.#waiting) proceed();
    this.#waiting.clear();
  }
}

/**
 * The one mutable pointer of the program: the current generation. It also knows the earlier generations that still have calls, and
 * can pause new calls.
 */
export class ActiveGeneration<T> {
  #current: Generation<T>;
  #pause: Pause<T> | undefined;
  /** Retired, and still leased. */
  readonly #earlier = new Set<Generation<T>>();

  constructor(first: Generation<T>) {
    this.#current = first;
  }

  get current(): Generation<T> {
    return this.#current;
  }

  /** All leases on the current generation and on earlier ones, the oldest generation first. */
  get leases(): readonly LeaseInUse[] {
    return [...this.#earlier, this.#current].flatMap(({ leases }) => leases);
  }

  /** Waits during a pause. Throws the signal's reason when that aborts first; nothing is leased then. */
  async acquire(holder: LeaseHolder, signal?: AbortSignal): Promise<Lease<T>> {
    return this.#pause === undefined ? this.#current.acquire(holder) : this.#pause.wait(holder, signal);
  }

  /** For callers that do not want to wait: undefined during a pause. */
  tryAcquire(holder: LeaseHolder): Lease<T> | undefined {
    return this.#pause === undefined ? this.#current.acquire(holder) : undefined;
  }

  /** Resolves when every lease that is held now, on any generation, was released. Throws the signal's reason. */
  async leasesEnded(signal?: AbortSignal): Promise<void> {
    await Promise.all([...this.#earlier, this.#current].map((each) => each.leasesEnded(signal)));
  }

  /** From now on, new calls wait until the pause is released. There is one pause at a time; the caller releases it. */
  pause(): Pause<T> {
    if (this.#pause !== undefined) throw new Error('calls are paused already');
    this.#pause = new Pause<T>(
      (holder) => this.#current.acquire(holder),
      () => (this.#pause = undefined),
    );
    return this.#pause;
  }

  /**
   * The commit point of a reload. Synchronous on purpose: an await between the assignment and the retirement would let a call lease
   * a generation that is already being drained. Returns the old generation, which the caller drains and disposes.
   */
  swap(next: Generation<T>): Generation<T> {
    const previous = this.#current;
    this.#current = next;
    previous.retire();
    if (previous.activeLeases > 0) {
      this.#earlier.add(previous);
      // Without a signal it never throws.
      void previous.leasesEnded().then(() => this.#earlier.delete(previous));
    }
    return previous;
  }
}
