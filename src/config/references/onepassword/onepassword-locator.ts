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
    return `${ONEPASSWORD_FORM}; behind \`?\` only \`attribute=otp\` is known, and names with \`?\` or \`/\` are written as ids`;
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
