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

/** A text that must not be seen, from resolution to its use. A class of its own, so that it can be told from other values. */
export class Secret extends Concealed<string> {}
