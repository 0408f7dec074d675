import { z } from 'zod';
import { FileReadError, readTextFile } from '../../files/index.js';
import { Secret } from '../references/secret.js';
import type { TimeLimit } from './http-peer.js';
import { type VaultAnswer, type VaultClient, VaultRefusal, type VaultRequest } from './vault-client.js';
import type { LoginMethod, ValueOrFile, VaultLogin } from './vault-settings.js';

/** A token and how long it is good for. */
export interface HeldToken {
  readonly token: Secret;
  /** Undefined for a token that never ends, or when Vault does not tell. */
  readonly leaseSeconds: number | undefined;
  readonly renewable: boolean;
}

/** A token is known in the namespace that it was got in; undefined is that of the section. */
export interface KnownToken {
  readonly token: Secret;
  readonly namespace: string | undefined;
}

/** What a login sends, by Vault's names. */
export type Credentials = Readonly<Record<string, string>>;

const MAX_CREDENTIAL_BYTES = 64 * 1024;

const authAnswer = z.object({
  auth: z.object({
    client_token: z.string().min(1),
    lease_duration: z.number().default(0),
    renewable: z.boolean().default(false),
  }),
});

const lookupAnswer = z.object({
  data: z.object({ ttl: z.number().default(0), renewable: z.boolean().default(false) }),
});

/** Sends the credentials to the method. Throws an error that says what to do. */
export async function login(
  client: VaultClient,
  { method, credentials: body }: { readonly method: LoginMethod; readonly credentials: Credentials },
  limit: TimeLimit,
): Promise<HeldToken> {
  const path = `${method.mountPath}/login`;
  const request: VaultRequest = { method: 'POST', path, body, namespace: method.namespace };
  const answer = await client.ask(request, limit);
  if (answer.status !== 200) {
    const whenForbidden = `the ${method.kind} login was refused: look at \`vault.auto_auth\` and the role`;
    throw new VaultRefusal(answer, { name: client.name, request, whenForbidden });
  }
  return toHeldToken(answer, client, request);
}

/** Keeps a token alive. Throws `VaultRefusal` when Vault does not want to. */
export async function renew(
  client: VaultClient,
  { token, namespace }: KnownToken,
  limit: TimeLimit,
): Promise<HeldToken> {
  const request: VaultRequest = {
    method: 'POST',
    path: 'auth/token/renew-self',
    token: token.reveal(),
    namespace,
    body: {},
  };
  const answer = await client.ask(request, limit);
  if (answer.status !== 200) throw new VaultRefusal(answer, { name: client.name, request });
  return toHeldToken(answer, client, request);
}

/** What Vault knows about a token; `undefined` when it does not tell, or does not know it. */
export async function lookUp(
  client: VaultClient,
  { token, namespace }: KnownToken,
  limit: TimeLimit,
): Promise<HeldToken | undefined> {
  const path = 'auth/token/lookup-self';
  const request: VaultRequest = { method: 'GET', path, token: token.reveal(), namespace };
  const answer = await client.ask(request, limit);
  if (answer.status === 403 || answer.status === 404) return undefined;
  if (answer.status !== 200) throw new VaultRefusal(answer, { name: client.name, request });
  const parsed = lookupAnswer.safeParse(answer.body);
  if (!parsed.success) throw notOfVault(client, request);
  const { ttl, renewable } = parsed.data.data;
  return { token, leaseSeconds: ttl > 0 ? ttl : undefined, renewable };
}

function toHeldToken({ body }: VaultAnswer, client: VaultClient, request: VaultRequest): HeldToken {
  const parsed = authAnswer.safeParse(body);
  if (!parsed.success) throw notOfVault(client, request);
  const { client_token: token, lease_duration: lease, renewable } = parsed.data.auth;
  return { token: new Secret(token), leaseSeconds: lease > 0 ? lease : undefined, renewable };
}

/** JSON, but of somebody else. */
export function notOfVault({ name }: VaultClient, { method, path }: VaultRequest): Error {
  return new Error(
    `${name} answered ${method} ${path} in a form that is not Vault's; is there Vault at \`vault.address\`?`,
  );
}

/** What the files and settings of the method hold now. Throws an error that names the file it cannot read. */
export async function loadCredentials(method: LoginMethod, signal: AbortSignal): Promise<Credentials> {
  if (method.kind !== 'approle') {
    const jwt = await readCredential({ file: method.jwtFile ?? '' }, signal);
    return { role: method.role ?? '', jwt };
  }
  const [roleId, secretId] = await Promise.all(
    [method.roleId, method.secretId].map((part) => part && readCredential(part, signal)),
  );
  return { role_id: roleId ?? '', ...(secretId !== undefined && { secret_id: secretId }) };
}

async function readCredential(part: ValueOrFile, signal: AbortSignal): Promise<string> {
  if ('value' in part) return part.value.reveal();
  try {
    const text = await readTextFile(part.file, { maxBytes: MAX_CREDENTIAL_BYTES, signal });
    return text.trim();
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    throw new Error(`cannot log in to Vault: the file ${part.file} ${error.message}`, { cause: error });
  }
}

export type TokenState =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'held';
      readonly token: Secret;
      /** By `performance.now()`; undefined when it does not end, or nobody knows. */
      readonly endsAt: number | undefined;
      /** What it was good for at first. */
      readonly firstLeaseMs: number | undefined;
      readonly renewable: boolean;
      /** Why the last renewal failed. */
      readonly failing: string | undefined;
    };

/** A token that cannot be replaced by us is worth a word when this part of its time is left. */
const LATE = 1 / 5;

/** How the token is, for a person, and whether that person should do something. */
export function describeToken(
  method: VaultLogin,
  state: TokenState,
  now: number,
): { readonly status: 'ok' | 'failing'; readonly message: string } {
  if (method.kind === 'none') return { status: 'ok', message: 'the agent has the token' };
  const source =
    method.kind === 'given' ? `the token of ${method.from}` : `the token of the ${method.kind} login`;
  if (state.kind === 'none') return { status: 'ok', message: 'logs in when it is needed' };
  const { endsAt, failing, firstLeaseMs, renewable } = state;
  if (endsAt === undefined) return { status: 'ok', message: `${source} has no known end` };
  const leftMs = endsAt - now;
  const replace = method.kind === 'given' ? '; put a new one there' : '; the next reload logs in';
  if (leftMs <= 0) {
    const status = method.kind === 'given' ? 'failing' : 'ok';
    return { status, message: `${source} ended ${formatSpan(-leftMs)} ago${replace}` };
  }
  const ends = `${source} ends in ${formatSpan(leftMs)}`;
  if (failing !== undefined) return { status: 'failing', message: `${ends}, renewal failing: ${failing}` };
  if (renewable) return { status: 'ok', message: `${ends}, and is renewed before` };
  const isLate = method.kind === 'given' && leftMs < (firstLeaseMs ?? 0) * LATE;
  return { status: isLate ? 'failing' : 'ok', message: `${ends} and cannot be renewed${replace}` };
}

/** `3m`, `2h`, `5d`: how long it is, roughly. */
function formatSpan(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}
