/** Something that frees what it holds. `dispose` may be called more than once; later calls do nothing. */
export interface Disposable {
  dispose(): void | Promise<void>;
}

/**
 * Owns things that must be freed together, in the reverse of the order in which they were added. Every step runs, also
 * after one fails; the failures come out together.
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
