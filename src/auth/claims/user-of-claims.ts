/** What an identity provider says about a user. */
export type Claims = Readonly<Record<string, unknown>>;

/** By path of a claim and its value, the capabilities that it gives. */
export type ClaimMappings = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** Where a provider says who the user is; the first name that is there counts. */
export interface ClaimNames {
  readonly userId: readonly string[];
  readonly username: readonly string[];
}

export interface ClaimedUser {
  /** Undefined if no claim names it. */
  readonly userId: string | undefined;
  readonly username: string | undefined;
  readonly email: string | null;
  readonly name: string | null;
  readonly role: string;
  readonly permissions: string[];
  readonly capabilities: string[];
}

/** The user that claims describe. Where they have no username, it is the part of the address before the `@`, else the id. */
export function userOfClaims(claims: Claims, names: ClaimNames, mappings: ClaimMappings = {}): ClaimedUser {
  const userId = firstText(claims, names.userId);
  const email = provenEmail(claims);
  // Without an address that is proven, its claim is not a username either.
  const known = email === null ? { ...claims, email: null } : claims;
  return {
    userId,
    username: firstText(known, names.username) ?? (email?.split('@', 1)[0] || userId),
    email,
    name: firstText(claims, ['name', 'display_name']) ?? null,
    role: firstText(claims, ['role']) ?? 'user',
    permissions: claimValues(claims, 'permissions'),
    capabilities: capabilitiesOf(claims, mappings),
  };
}

/** A list, words with spaces between them, or one value. */
export function claimValues(claims: Claims, name: string): string[] {
  return valuesOf(own(claims, name));
}

/** Anyone can give a provider the address of another person, until it has asked that person. */
function provenEmail(claims: Claims): string | null {
  const isRefuted = own(claims, 'email_verified') === false || own(claims, 'verified_email') === false;
  return isRefuted ? null : (firstText(claims, ['email']) ?? null);
}

function capabilitiesOf(claims: Claims, mappings: ClaimMappings): string[] {
  const found = Object.entries(mappings).flatMap(([path, byValue]) =>
    valuesOf(claimAt(claims, path)).flatMap((value) => (Object.hasOwn(byValue, value) ? (byValue[value] ?? []) : [])),
  );
  return [...new Set(found)];
}

/** A claim of exactly this name wins over a path of names with dots between them. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  return path.split('.').reduce<unknown>((value, name) => own(value, name), claims);
}

function firstText(claims: Claims, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = own(claims, name);
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  }
  return undefined;
}

function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Reflect.get(value, name);
}

function valuesOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => (isScalar(item) ? [String(item)] : []));
  if (typeof value === 'string') return value.split(/\s+/).filter((word) => word !== '');
  return isScalar(value) ? [String(value)] : [];
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
