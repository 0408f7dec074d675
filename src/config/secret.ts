import { inspect } from 'node:util';

/**
 * A value that must not be seen: from resolution to its use it travels in this wrapper, which prints as `[secret]`
 * everywhere (string, JSON, inspect). `reveal()` is called only where the value is handed to what needs it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
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
