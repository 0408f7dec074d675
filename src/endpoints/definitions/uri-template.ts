/** What a URI of a resource begins with; the schema of endpoint files refuses others. */
export const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:/;

const PLACEHOLDER = /\{([A-Za-z_][A-Za-z0-9_]*)\}/;

/**
 * A resource URI, split at its `{placeholders}`: RFC 6570 level 1, where a value never spans a `/`. Clients get it normalized
 * as their URL parsers normalize it, because many send only that form. What they send may be any equivalent spelling.
 */
export class UriTemplate {
  /** The normalized form: percent-encoded (RFC 3986), with a scheme in lower case, without dots in the path. */
  readonly text: string;
  readonly placeholders: readonly string[];
  /** What is wrong with the URI, if anything, as the end of a sentence about it. */
  readonly syntaxError: string | undefined;
  readonly #literals: readonly string[];
  readonly #pattern: RegExp;

  constructor(written: string) {
    const parts = written.split(PLACEHOLDER);
    this.text = normalizeParts(parts);
    this.placeholders = parts.filter((_, index) => index % 2 === 1);
    this.#literals = this.text.split(PLACEHOLDER).filter((_, index) => index % 2 === 0);
    this.syntaxError = findSyntaxError(parts) ?? this.#findLoss();
    const [authority, rest] = splitAuthority(this.text);
    this.#pattern = new RegExp(`^${toPattern(authority, true)}${toPattern(rest, false)}$`, 'u');
  }

  get isTemplate(): boolean {
    return this.placeholders.length > 0;
  }

  /** A regular expression for what `encodeUri` makes, which Python reads in the same way. */
  get pattern(): string {
    return this.#pattern.source;
  }

  /** Equal for URIs that name the same: the names of placeholders and the case of the authority do not matter. */
  get shape(): string {
    return toUriKey(this.#literals.join('{}'));
  }

  /** The values with which the template expands to the URI, or undefined if there are none. */
  match(uri: string): Readonly<Record<string, string>> | undefined {
    return this.matchEncoded(encodeUri(uri));
  }

  /** As `match`, of a URI that `encodeUri` made. */
  matchEncoded(uri: string): Readonly<Record<string, string>> | undefined {
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

  #findLoss(): string | undefined {
    if (!SCHEME.test(this.text)) return undefined;
    // Only clients that expand a template know what its host becomes.
    if (!this.isTemplate) return isStable(this.text) ? undefined : 'has a host or port that clients cannot parse';
    const lost = this.placeholders.find((name) => !this.text.includes(`{${name}}`));
    return lost === undefined ? undefined : `has dots that remove {${lost}} from its path`;
  }
}

/** Finds the resource that a URI names: one without placeholders first, then the most specific template. */
export class ResourceRouter<T> {
  readonly #exact = new Map<string, T>();
  readonly #templates: { readonly template: UriTemplate; readonly resource: T }[] = [];

  constructor(resources: Iterable<readonly [uri: string, resource: T]>) {
    for (const [uri, resource] of resources) {
      const template = new UriTemplate(uri);
      if (template.isTemplate) this.#templates.push({ template, resource });
      else this.#exact.set(template.shape, resource);
    }
    this.#templates.sort((a, b) => UriTemplate.bySpecificity(a.template, b.template));
  }

  /** `values` are those of the URI's placeholders, decoded. Of two readings, the one as sent comes first. */
  find(sent: string): { resource: T; values: Readonly<Record<string, string>> } | undefined {
    const uri = encodeUri(sent);
    return this.#findEncoded(uri) ?? this.#findEncoded(normalizeUri(uri));
  }

  /** Equal for URIs that lead to the same resource with the same values; undefined if there is no such resource. */
  canonicalUri(sent: string): string | undefined {
    const uri = encodeUri(sent);
    return this.#canonical(uri) ?? this.#canonical(normalizeUri(uri));
  }

  #canonical(uri: string): string | undefined {
    const key = toUriKey(uri);
    if (this.#exact.has(key)) return key;
    for (const { template } of this.#templates) {
      const values = template.matchEncoded(uri);
      if (values !== undefined) return template.expand(values);
    }
    return undefined;
  }

  #findEncoded(uri: string): ReturnType<ResourceRouter<T>['find']> {
    const exact = this.#exact.get(toUriKey(uri));
    if (exact !== undefined) return { resource: exact, values: {} };
    for (const { template, resource } of this.#templates) {
      const values = template.matchEncoded(uri);
      if (values !== undefined) return { resource, values };
    }
    return undefined;
  }
}

function findSyntaxError(parts: readonly string[]): string | undefined {
  const literals = parts.filter((_, index) => index % 2 === 0);
  const placeholders = parts.filter((_, index) => index % 2 === 1);
  if (literals.some((literal) => /[{}]/.test(literal)))
    return 'has a "{" or "}" that does not enclose a parameter name';
  if (/[\p{Cc}\p{Cs}]|^\s|\s$/u.test(literals.join('_'))) return 'has a control character, or a space around it';
  if (/%(?![0-9A-Fa-f]{2})/.test(literals.join('_'))) return 'has a "%" that begins no code such as %20; write %25';
  const twice = placeholders.find((name, index) => placeholders.indexOf(name) !== index);
  return twice === undefined ? undefined : `uses {${twice}} twice`;
}

/** A template as the URL parsers of clients write it. */
function normalizeParts(parts: readonly string[]): string {
  const written = parts.map((part, index) => (index % 2 === 0 ? encodeText(part) : `mxcp-placeholder-${index}-`));
  const normalized = normalizeUri(encodeUri(written.join('')));
  return normalized.replaceAll(/mxcp-placeholder-(\d+)-/g, (_, index) => `{${parts[Number(index)]}}`);
}

function isStable(uri: string): boolean {
  return URL.canParse(uri) && new URL(uri).href === uri;
}

/** The URI as it is if a URL parser refuses it. */
function normalizeUri(uri: string): string {
  return URL.canParse(uri) ? encodeUri(new URL(uri).href) : uri;
}

/** What RFC 3986 allows nowhere in a URI. A lone surrogate has no encoding; it stays, and fits nothing. */
const NOT_ALLOWED = /[^\w\-.~:/?#[\]@!$&'()*+,;=%\p{Cs}]/gu;

/**
 * One spelling of equivalent URIs: characters that need it are encoded and no others, in upper case, behind a scheme in
 * lower case. Never throws.
 */
function encodeUri(uri: string): string {
  const [authority, rest] = splitAuthority(encodeText(uri));
  const withScheme = authority.replace(/^[^:]*/, (scheme) => scheme.toLowerCase());
  return withScheme + rest.replaceAll(/[[\]]/g, encodeURIComponent);
}

function encodeText(text: string): string {
  return text.replaceAll(NOT_ALLOWED, encodeURIComponent).replaceAll(/%[0-9A-Fa-f]{2}/g, (code) => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return /[\w\-.~]/.test(character) ? character : code.toUpperCase();
  });
}

/** A scheme with its host, where case does not matter, and everything after it. */
function splitAuthority(uri: string): [authority: string, rest: string] {
  const [authority = ''] = /^[A-Za-z][\w+.-]*:(?:\/\/[^/?#]*)?/.exec(uri) ?? [];
  return [authority, uri.slice(authority.length)];
}

/** Equal for equivalent URIs that `encodeUri` made. */
function toUriKey(uri: string): string {
  const [authority, rest] = splitAuthority(uri);
  return authority.toLowerCase() + rest;
}

function toPattern(text: string, ignoresCase: boolean): string {
  return text
    .split(PLACEHOLDER)
    .map((part, index) => {
      if (index % 2 === 1) return '([^/]+)';
      const escaped = part.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
      return ignoresCase
        ? escaped.replaceAll(/[A-Za-z]/g, (letter) => `[${letter.toLowerCase()}${letter.toUpperCase()}]`)
        : escaped;
    })
    .join('');
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stray percent sign is no valid encoding, so the URI does not match.
    return undefined;
  }
}
