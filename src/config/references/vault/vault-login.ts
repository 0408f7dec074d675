import { z } from 'zod';
import { FileReadError } from '../../files/file-read-error.js';
import { readTextFile } from '../../files/read-text-file.js';
import { Secret } from '../../secret.js';
import type { TimeLimit } from '../http/time-limit.js';
import type { VaultClient, VaultAnswer, VaultRequest } from './vault-client.js';
import { VaultRefusal } from './vault-refusal.js';
import type { LoginMethod, ValueOrFile } from './vault-settings.js';

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
