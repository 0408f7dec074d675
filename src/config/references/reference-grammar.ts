/** A reference to one value in a store other than the environment. It is always the whole text. */
export interface StoreReference {
  readonly kind: 'store';
  readonly scheme: 'file' | 'vault' | 'op';
  /** As it stands in the file. */
  readonly ref: string;
  /** What comes behind `scheme://`. */
  readonly locator: string;
}

export interface VariablePart {
  readonly name: string;
  /** The text behind `:-`. */
  readonly fallback?: string | undefined;
}

/** Text with `${NAME}` in it; literal parts are plain strings. */
export interface TemplateReference {
  readonly kind: 'template';
  readonly parts: readonly (string | VariablePart)[];
}

/** Text that looks like a reference and is none. */
export interface MalformedReference {
  readonly kind: 'malformed';
  /** What is wrong and what to do; quotes no text that could be a secret. */
  readonly reason: string;
}

export type Reference = StoreReference | TemplateReference | MalformedReference;

/**
 * Reads a text of the user configuration as a reference; `undefined` for plain text. `$${` stands for a literal `${`, so
 * text that only holds that is a template too.
 */
export function parseReference(text: string): Reference | undefined {
  const store = /^(vault|file|op):\/\/(.*)$/s.exec(text);
  if (store !== null) return parseStoreReference(text, store[1] ?? '', store[2] ?? '');
  return text.includes('${') ? parseTemplate(text) : undefined;
}

function parseStoreReference(ref: string, scheme: string, locator: string): Reference {
  switch (scheme) {
    case 'vault':
      return /^[^#]+#[^#]+$/s.test(locator)
        ? { kind: 'store', scheme, ref, locator }
        : malformed('a Vault reference must be `vault://<mount>/<path>#<key>`');
    case 'op':
      return /^[^/]+(?:\/[^/]+)+$/s.test(locator)
        ? { kind: 'store', scheme, ref, locator }
        : malformed('a 1Password reference must be `op://<vault>/<item>/<field>`');
    default:
      return locator === ''
        ? malformed('a file reference must be `file://<path>`')
        : { kind: 'store', scheme: 'file', ref, locator };
  }
}

function parseTemplate(text: string): TemplateReference | MalformedReference {
  const parts: (string | VariablePart)[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    if (text.startsWith('$${', at)) {
      literal += '${';
      at += 3;
    } else if (text.startsWith('${', at)) {
      const variable = readVariable(text, at);
      if (variable === undefined) return malformed(MALFORMED_VARIABLE);
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(variable.part);
      at = variable.end;
    } else {
      literal += text[at];
      at += 1;
    }
  }
  if (literal !== '') parts.push(literal);
  return { kind: 'template', parts };
}

const MALFORMED_VARIABLE =
  'a variable must be `${NAME}` or `${NAME:-default}` with letters, digits and `_` in its name; for a literal `${` write `$${`';

function readVariable(text: string, at: number): { part: VariablePart; end: number } | undefined {
  const pattern = /\$\{([A-Za-z0-9_]+)(?::-([^}]*))?\}/y;
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match?.[1] === undefined) return undefined;
  return { part: { name: match[1], fallback: match[2] }, end: pattern.lastIndex };
}

function malformed(reason: string): MalformedReference {
  return { kind: 'malformed', reason };
}
