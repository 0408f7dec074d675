import { judgeOnepasswordLocator } from './onepassword/onepassword-locator.js';
import { judgeVaultLocator } from './vault/vault-locator.js';

/** A reference to one value in a store other than the environment. It is always the whole text. */
export interface StoreReference {
  readonly kind: 'store';
  readonly scheme: string;
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

/** Of the stores that are always there. */
export const BUILT_IN_SCHEMES: readonly string[] = ['file', 'vault', 'op'];

export type Reference = StoreReference | TemplateReference | MalformedReference;

/**
 * Reads a text of the user configuration as a reference; `undefined` for plain text. `$${` stands for a literal `${`, so
 * text that only holds that is a template too.
 */
export function parseReference(text: string, addedSchemes: readonly string[] = []): Reference | undefined {
  const [, scheme = '', locator = ''] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? [];
  if (BUILT_IN_SCHEMES.includes(scheme) || addedSchemes.includes(scheme)) {
    const reason = judgeLocator(scheme, locator);
    return reason === undefined ? { kind: 'store', scheme, ref: text, locator } : malformed(reason);
  }
  return text.includes('${') ? parseTemplate(text) : undefined;
}

/** What is wrong with what stands behind the scheme; what an added store takes, it knows itself. */
function judgeLocator(scheme: string, locator: string): string | undefined {
  switch (scheme) {
    case 'vault':
      return judgeVaultLocator(locator);
    case 'op':
      return judgeOnepasswordLocator(locator);
    default:
      return locator === '' ? `a reference must be \`${scheme}://\` and what it points to` : undefined;
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
