import { z } from 'zod';
import { isLoopbackHost } from '../../http/index.js';
import { findRedirect, type OAuthClient } from './client-documents.js';
import { OAuthRefusal } from './oauth-refusal.js';
import type { OAuthClients } from './oauth-clients.js';

/** What a client asks a person for, checked. It travels sealed through the browser. */
export const authorizationRequestSchema = z.strictObject({
  clientId: z.string(),
  redirectUri: z.string(),
  redirectUriGiven: z.boolean(),
  /** The client's own, returned unchanged. */
  state: z.string().nullable(),
  challenge: z.string(),
  resource: z.string(),
  scopes: z.array(z.string()),
});
export type AuthorizationRequest = z.output<typeof authorizationRequestSchema>;

/** This server as one request names it: a server on this machine has several names. */
export interface IssuerPlace {
  /** Without a slash at its end. */
  readonly issuer: string;
  readonly resource: string;
}

export interface AuthorizationRules {
  /** Every name of this server as a resource. */
  readonly resources: () => readonly string[];
  /** Every token has these. */
  readonly requiredScopes: readonly string[];
  /** Everything that a client may ask for. */
  readonly supportedScopes: () => readonly string[];
}

/** Where errors of a request go once its client and redirect URI are known. */
export type ReturnAddress = Pick<AuthorizationRequest, 'redirectUri' | 'state'>;

/** A refusal that the client gets to know through the browser. */
export class RefusedRequest extends Error {
  override readonly name = 'RefusedRequest';
  readonly refusal: OAuthRefusal;
  readonly address: ReturnAddress;
  /**
   * Whether the browser may be led there although no person has agreed to anything. Anyone can register a page of theirs, and a link to
   * this server must not lead there unseen (RFC 9700, 4.11.2).
   */
  readonly isTrusted: boolean;

  constructor(refusal: OAuthRefusal, address: ReturnAddress, client: OAuthClient) {
    super(refusal.message);
    this.refusal = refusal;
    this.address = address;
    this.isTrusted = client.source === 'configuration' || leadsToOwnMachine(address.redirectUri);
  }
}

function leadsToOwnMachine(redirectUri: string): boolean {
  const { protocol, hostname } = new URL(redirectUri);
  return protocol === 'http:' && isLoopbackHost(hostname);
}

const MAX_STATE_LENGTH = 4096;
const CHALLENGE = /^[\w-]{43}$/;

/**
 * Reads the query of `/authorize`, which comes from the address `from`. Throws `OAuthRefusal` as long as it is unknown where an answer may go, which the person then sees,
 * and `RefusedRequest` after that.
 */
export async function readAuthorizationRequest(
  query: URLSearchParams,
  { clients, from }: { readonly clients: OAuthClients; readonly from: string | undefined },
  rules: AuthorizationRules,
  { resource }: IssuerPlace,
): Promise<{ readonly client: OAuthClient; readonly request: AuthorizationRequest }> {
  const client = await clients.find(one(query, 'client_id') ?? '', from);
  const given = one(query, 'redirect_uri');
  const redirectUri = readRedirect(client, given);
  const state = one(query, 'state') ?? null;
  if ((state ?? '').length > MAX_STATE_LENGTH) throw new OAuthRefusal('invalid_request', '`state` is too long');
  try {
    const rest = readRest(query, client, rules);
    const redirectUriGiven = given !== undefined;
    const named = readResource(query.getAll('resource'), rules.resources()) ?? resource;
    return { client, request: { clientId: client.id, redirectUri, redirectUriGiven, state, resource: named, ...rest } };
  } catch (error) {
    if (error instanceof OAuthRefusal) throw new RefusedRequest(error, { redirectUri, state }, client);
    throw error;
  }
}

function readRedirect(client: OAuthClient, given: string | undefined): string {
  const [only, ...others] = client.redirectUris;
  const requested = given ?? (others.length === 0 ? only : undefined);
  const redirectUri = requested === undefined ? undefined : findRedirect(client, requested);
  if (redirectUri !== undefined) return redirectUri;
  const what = requested === undefined ? '`redirect_uri` is missing' : '`redirect_uri` is not one of this client';
  throw new OAuthRefusal('invalid_request', what);
}

function readRest(
  query: URLSearchParams,
  client: OAuthClient,
  rules: AuthorizationRules,
): Pick<AuthorizationRequest, 'challenge' | 'scopes'> {
  if (one(query, 'response_type') !== 'code')
    throw new OAuthRefusal('unsupported_response_type', '`response_type` must be `code`');
  if (!client.grantTypes.includes('authorization_code'))
    throw new OAuthRefusal('unauthorized_client', 'the client may not use authorization codes');
  const challenge = one(query, 'code_challenge') ?? '';
  if (one(query, 'code_challenge_method') !== 'S256' || !CHALLENGE.test(challenge))
    throw new OAuthRefusal('invalid_request', '`code_challenge` with `code_challenge_method=S256` is required (PKCE)');
  return { challenge, scopes: grantedScopes(one(query, 'scope'), client, rules) };
}

/** Tokens are for this server only. Undefined if the client names no resource and so means this one. */
export function readResource(given: readonly string[], resources: readonly string[]): string | undefined {
  const plain = (url: string): string => (URL.canParse(url) ? new URL(url).href.replace(/\/$/, '') : url);
  const known = new Map(resources.map((resource) => [plain(resource), resource]));
  const [named, ...others] = given.map((each) => known.get(plain(each)));
  if (given.length > 0 && (named === undefined || others.includes(undefined)))
    throw new OAuthRefusal('invalid_target', `this server gives tokens for ${resources[0] ?? 'itself'} only`);
  return named;
}

/**
 * What the client asks for, as far as it exists here, and what every call needs: scopes say what a client may do for the person, not
 * what the person may do. Unknown scopes are left out, and the answer says what was given.
 */
function grantedScopes(asked: string | undefined, client: OAuthClient, rules: AuthorizationRules): string[] {
  const supported = new Set([...rules.requiredScopes, ...rules.supportedScopes()]);
  const scopes = [...rules.requiredScopes, ...splitScopes(asked).filter((scope) => supported.has(scope))];
  const allowed = client.scopes;
  return [...new Set(scopes)].filter((scope) => allowed === undefined || allowed.includes(scope));
}

export function splitScopes(scope: string | undefined): readonly string[] {
  return (scope ?? '').split(' ').filter((each) => each !== '');
}

/** The value of a parameter, which OAuth allows once. */
export function one(parameters: URLSearchParams, name: string): string | undefined {
  const [value, ...others] = parameters.getAll(name);
  if (others.length > 0) throw new OAuthRefusal('invalid_request', `\`${name}\` is there more than once`);
  return value === '' ? undefined : value;
}

const ANSWER_NAMES = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri'];

/** Where the browser takes an answer to the client. The issuer is named so that it is not taken for another one's (RFC 9207). */
export function returnTo(
  { redirectUri, state }: ReturnAddress,
  issuer: string,
  answer: Readonly<Record<string, string>>,
): string {
  const url = new URL(redirectUri);
  // The client may have registered a URI with names of an answer.
  for (const name of ANSWER_NAMES) url.searchParams.delete(name);
  for (const [name, value] of Object.entries({ ...answer, ...(state !== null && { state }), iss: issuer }))
    url.searchParams.set(name, value);
  return url.href;
}
