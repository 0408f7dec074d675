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
