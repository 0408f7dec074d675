import type { Caller } from '../../caller/index.js';
import { MxcpError } from '../../errors/index.js';

type Claims = Readonly<Record<string, unknown>>;

/** By path of a claim and its value, the capabilities that it gives. */
export type ClaimMappings = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

interface ClaimContext {
  readonly provider: string;
  readonly mappings: ClaimMappings | undefined;
  readonly externalToken: string;
}

/** The caller that an identity provider describes. Throws `unauthenticated` if it names no user. */
export function callerOfClaims(claims: Claims, { provider, mappings, externalToken }: ClaimContext): Caller {
  const text = (name: string): string | null => {
    const value = own(claims, name);
    return typeof value === 'string' && value !== '' ? value : null;
  };
  // Anybody can give a provider the address of another person, until it has asked that person.
  const email = own(claims, 'email_verified') === false ? null : text('email');
  const userId = text('sub');
  const localPart = email?.split('@', 1)[0] || null;
  const username = text('preferred_username') ?? text('username') ?? localPart ?? userId ?? text('client_id');
  if (username === null) throw new MxcpError('unauthenticated', 'the token names no user');
  return {
    userId: userId ?? username,
    username,
    email,
    name: text('name'),
    provider,
    role: text('role') ?? 'user',
    permissions: valuesOf(own(claims, 'permissions')),
    capabilities: capabilitiesOf(claims, mappings),
    scopes: [...new Set([...valuesOf(own(claims, 'scope')), ...valuesOf(own(claims, 'scp'))])],
    externalToken,
    profile: claims,
  };
}

function capabilitiesOf(claims: Claims, mappings: ClaimMappings = {}): readonly string[] {
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

function own(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return Reflect.get(value, name);
}

/** A list, words with spaces between them, or one value. */
function valuesOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => (isScalar(item) ? [String(item)] : []));
  if (typeof value === 'string') return value.split(/\s+/).filter((word) => word !== '');
  return isScalar(value) ? [String(value)] : [];
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}
