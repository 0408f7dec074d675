import { inspect } from 'node:util';

/**
 * A value with secrets somewhere within: it travels in this wrapper, which prints as `[secret]` everywhere (string, JSON,
 * inspect). `reveal()` is called only where the value is handed to what needs it.
 */
export class Concealed<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** A secret text, from resolution to its use. A separate class, so that `instanceof` recognises it. */
export class Secret extends Concealed<string> {}
