/** A resource URI, split at its `{placeholders}`: RFC 6570 level 1, where a value never spans a `/`. */
export class UriTemplate {
  readonly text: string;
  readonly placeholders: readonly string[];
  readonly #literals: readonly string[];
  readonly #pattern: RegExp;

  constructor(text: string) {
    this.text = text;
    const parts = text.split(/\{([A-Za-z_][A-Za-z0-9_]*)\}/);
    this.#literals = parts.filter((_, index) => index % 2 === 0);
    this.placeholders = parts.filter((_, index) => index % 2 === 1);
    const pattern = parts.map((part, index) => (index % 2 === 0 ? escapePattern(part) : '([^/]+)')).join('');
    this.#pattern = new RegExp(`^${pattern}$`, 'u');
  }

  get isTemplate(): boolean {
    return this.placeholders.length > 0;
  }

  /** Equal for templates that differ only in the names of their placeholders. */
  get shape(): string {
    return this.#literals.join('{}');
  }

  /** What is wrong with the braces, if anything, as the end of a sentence about the URI. */
  get syntaxError(): string | undefined {
    const stray = this.#literals.find((literal) => /[{}]/.test(literal));
    if (stray !== undefined) return 'has a "{" or "}" that does not enclose a parameter name';
    const twice = this.placeholders.find((name, index) => this.placeholders.indexOf(name) !== index);
    return twice === undefined ? undefined : `uses {${twice}} twice`;
  }

  /** The values with which the template expands to the URI, or undefined if there are none. */
  match(uri: string): Readonly<Record<string, string>> | undefined {
    const found = this.#pattern.exec(uri);
    if (found === null) return undefined;
    const values = found.slice(1).map(decode);
    if (values.includes(undefined)) return undefined;
    return Object.fromEntries(this.placeholders.map((name, index) => [name, values[index] ?? '']));
  }

  expand(values: Readonly<Record<string, unknown>>): string {
    const encoded = this.placeholders.map((name) => encodeURIComponent(String(values[name])));
    return this.#literals.map((literal, index) => literal + (encoded[index] ?? '')).join('');
  }

  /** Sorts the more specific template first: more literal text, then fewer placeholders, then alphabetically. */
  static bySpecificity(this: void, a: UriTemplate, b: UriTemplate): number {
    return (
      b.#literalLength - a.#literalLength ||
      a.placeholders.length - b.placeholders.length ||
      (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)
    );
  }

  get #literalLength(): number {
    return this.#literals.reduce((sum, literal) => sum + literal.length, 0);
  }
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is no valid encoding, so the URI does not match.
    return undefined;
  }
}

function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
