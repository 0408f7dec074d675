import { nearestName } from '../../errors/index.js';

/** A reference to one value in a store other than the environment. It is always the whole text. */
export interface StoreReference {
  readonly kind: 'store';
  readonly scheme: string;
  /** As it is written in the file. */
  readonly ref: string;
  /** What follows `scheme://`. */
  readonly locator: string;
}

export interface VariablePart {
  readonly name: string;
  /** The text after `:-`. */
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
 * Reads a text of the user configuration as a reference; `undefined` for plain text. `$${` is a literal `${`, so
 * text that only holds that is a template too. A scheme may be in capitals.
 */
export function parseReference(text: string, addedSchemes: readonly string[] = []): Reference | undefined {
  const [, space = '', written = '', locator = ''] = /^(\s*)([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(text) ?? [];
  const scheme = written.toLowerCase();
  if (BUILT_IN_SCHEMES.includes(scheme) || addedSchemes.includes(scheme)) {
    const reason =
      space === '' ? judgeLocator(scheme, locator) : `a reference must be the whole text; remove the space before it`;
    return reason === undefined ? { kind: 'store', scheme, ref: `${scheme}://${locator}`, locator } : malformed(reason);
  }
  return text.includes('${') ? parseTemplate(text) : undefined;
}

const NAMED = '`${NAME}` is the form of a variable';

/** What looks like a reference, is plain text and was probably meant as something else: a pattern, and what to say. */
const MISTAKABLE: readonly (readonly [pattern: RegExp, message: string])[] = [
  [/\{\{.*\}\}/s, `contains \`{{ … }}\`, which is not replaced here; ${NAMED}`],
  [/^\$[A-Za-z_]\w*$|(?<!\w)\$[A-Z][A-Z_]{2,}\w*/, `contains \`$\` with a name, which is not replaced here; ${NAMED}`],
  [/^\$\(.*\)$/s, `is a command of a shell, which is not run here; ${NAMED}`],
  [/^(?:env:\/\/|\$env:|ENV\[|env:[A-Z][A-Z\d_]*$)/, `looks like a variable and is plain text; ${NAMED}`],
  [
    /^(?:file|vault|op):(?!\/\/)/i,
    'begins like a reference and is plain text; a reference begins with `file://`, `vault://` or `op://`',
  ],
  [
    /[^\w+.-](?:file|vault|op):\/\//i,
    'contains a reference after other text, where it is not resolved; make the reference the whole text and put all of the value there, or use `${NAME}`, which may be a part of a text',
  ],
];

/** What is probably wrong with a text that is not a reference and looks like one. Never quotes the text, which may be secret. */
export function describeMistakable(text: string, schemes: readonly string[]): string | undefined {
  const found = MISTAKABLE.find(([pattern]) => pattern.test(text));
  if (found !== undefined) return `${found[1]}`;
  const [, scheme = ''] = /^([a-z]{4,}):\/\//i.exec(text) ?? [];
  const meant = scheme === '' || WELL_KNOWN_SCHEMES.test(scheme) ? undefined : nearestName(scheme, schemes);
  return meant && `begins with \`${scheme}://\`, which is not the scheme of a store; did you mean \`${meant}://\`?`;
}

const WELL_KNOWN_SCHEMES = /^(?:https?|wss?|ftps?|sftp|abfss?|azure|mysql|postgres(?:ql)?|redis|mongodb|unix)$/i;

/** What is wrong with a locator. An added store checks its own. */
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
      if (variable === undefined)
        return malformed(HAS_DEFAULT.test(text.slice(at)) ? MALFORMED_DEFAULT : MALFORMED_VARIABLE);
      if (literal !== '') parts.push(literal);
      literal = '';
      parts.push(variable.part);
      at = variable.end;
      if (variable.part.fallback !== undefined && text[at] === '}' && !hasOpenBrace(parts))
        return malformed(MALFORMED_DEFAULT);
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

const MALFORMED_DEFAULT =
  'a default must be plain text without `{` and `}`, and cannot contain another variable; put such a value into a variable of its own';

const HAS_DEFAULT = /^\$\{\w+:-[^}]*\{/;

function readVariable(text: string, at: number): { part: VariablePart; end: number } | undefined {
  const pattern = /\$\{([A-Za-z0-9_]+)(?::-([^{}]*))?\}/y;
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match?.[1] === undefined) return undefined;
  return { part: { name: match[1], fallback: match[2] }, end: pattern.lastIndex };
}

/** Whether a `}` that follows closes a `{` of the text before, as in `{"port": ${PORT:-80}}`. */
function hasOpenBrace(parts: TemplateReference['parts']): boolean {
  const literal = parts.filter((part) => typeof part === 'string').join('');
  return literal.split('{').length > literal.split('}').length;
}

function malformed(reason: string): MalformedReference {
  return { kind: 'malformed', reason };
}

/** `vault://<mount>/<path>#<key>` without its scheme. */
export interface VaultLocator {
  /** Mount and path as `vault kv get` takes them; where the mount ends, only Vault knows. */
  readonly path: string;
  readonly key: string;
}

export const VAULT_FORM = 'a Vault reference must be `vault://<mount>/<path>#<key>`';

/** What is wrong with a locator, or `undefined`. */
export function judgeVaultLocator(locator: string): string | undefined {
  if (!/^[^#]+#[^#]+$/s.test(locator)) return VAULT_FORM;
  const { path } = splitLocator(locator);
  if (/\p{Cc}/u.test(locator)) return `${VAULT_FORM}, without control characters`;
  // An address that is put together from these would lead elsewhere.
  const isOdd = path.split('/').some((segment) => ['', '.', '..'].includes(segment));
  return isOdd ? `${VAULT_FORM}, without empty parts, \`.\` and \`..\` in its path` : undefined;
}

/** Reads a locator that `judgeVaultLocator` has nothing against. */
export function splitLocator(locator: string): VaultLocator {
  const at = locator.indexOf('#');
  return { path: locator.slice(0, at), key: locator.slice(at + 1) };
}

/** `op://<vault>/<item>[/<section>]/<field>[?attribute=otp]` without its scheme. Each part is a name or an id. */
export interface OnepasswordLocator {
  readonly vault: string;
  readonly item: string;
  readonly section: string | undefined;
  readonly field: string;
  /** The one-time password of the field instead of its value. */
  readonly isOtp: boolean;
}

const ONEPASSWORD_FORM =
  'a 1Password reference must be `op://<vault>/<item>/<field>` or `op://<vault>/<item>/<section>/<field>`';

/** What is wrong with a locator, or `undefined`. */
export function judgeOnepasswordLocator(locator: string): string | undefined {
  const [path = '', query, ...more] = locator.split('?');
  if (query !== undefined && (more.length > 0 || !/^attribute=(?:otp|totp)$/i.test(query)))
    return `${ONEPASSWORD_FORM}; after \`?\`, only \`attribute=otp\` is supported; for a name that contains \`?\` or \`/\`, use its id`;
  const parts = path.split('/');
  const isWhole = (parts.length === 3 || parts.length === 4) && parts.every((part) => part.trim() !== '');
  if (!isWhole) return ONEPASSWORD_FORM;
  return /\p{Cc}/u.test(locator) ? `${ONEPASSWORD_FORM}, without control characters` : undefined;
}

/** Reads a locator that `judgeOnepasswordLocator` has nothing against. */
export function splitOnepasswordLocator(locator: string): OnepasswordLocator {
  const [path = '', query] = locator.split('?');
  const [vault = '', item = '', third = '', fourth] = path.split('/');
  return {
    vault,
    item,
    section: fourth === undefined ? undefined : third,
    field: fourth ?? third,
    isOtp: query !== undefined,
  };
}
