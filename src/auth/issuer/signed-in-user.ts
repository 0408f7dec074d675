import type { SignedInUser } from './issuer-store.js';
import type { ProfileKeys } from './providers.js';

/** Which capability a value of a claim gives: `{claim: {value: [capability]}}`. */
export type ClaimMappings = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

type Profile = Readonly<Record<string, unknown>>;

/** The user that a profile describes; undefined if it names none. */
export function toSignedInUser(
  profile: Profile,
  {
    keys,
    provider,
    mappings,
  }: { readonly keys: ProfileKeys; readonly provider: string; readonly mappings: ClaimMappings },
): SignedInUser | undefined {
  const userId = firstText(profile, keys.userId);
  if (userId === undefined) return undefined;
  const email = provenEmail(profile);
  return {
    userId,
    username:
      firstText(email === null ? { ...profile, email: null } : profile, keys.username) ??
      email?.split('@')[0] ??
      userId,
    email,
    name: firstText(profile, ['name', 'display_name']) ?? null,
    provider,
    role: firstText(profile, ['role']) ?? 'user',
    permissions: textsOf(profile['permissions']),
    capabilities: capabilitiesOf(profile, mappings),
    profile: { ...profile },
  };
}

/** An address that the provider has not checked could be anybody's. */
function provenEmail(profile: Profile): string | null {
  const isRefuted = profile['email_verified'] === false || profile['verified_email'] === false;
  return isRefuted ? null : (firstText(profile, ['email']) ?? null);
}

export function capabilitiesOf(profile: Profile, mappings: ClaimMappings): string[] {
  const found = Object.entries(mappings).flatMap(([claim, byValue]) =>
    textsOf(claimAt(profile, claim)).flatMap((value) => (Object.hasOwn(byValue, value) ? (byValue[value] ?? []) : [])),
  );
  return [...new Set(found)];
}

/** A claim may have dots in its name, so the name itself comes first. */
function claimAt(profile: Profile, claim: string): unknown {
  if (Object.hasOwn(profile, claim)) return profile[claim];
  return claim.split('.').reduce<unknown>((value, key) => {
    const isKnown = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
    return isKnown ? Reflect.get(value, key) : undefined;
  }, profile);
}

/** Lists, texts with spaces between their parts, and single values. */
function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.filter((item) => typeof item === 'string');
  if (typeof value === 'string') return value.split(' ').filter((part) => part !== '');
  return typeof value === 'number' || typeof value === 'boolean' ? [String(value)] : [];
}

function firstText(profile: Profile, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = Object.hasOwn(profile, key) ? profile[key] : undefined;
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  }
  return undefined;
}
