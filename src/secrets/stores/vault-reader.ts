import { z } from 'zod';
import { splitLocator } from '../references/reference-grammar.js';
import type { ReferenceResolver, ResolvedValue } from '../references/reference-resolver.js';
import type { TimeLimit } from './http-peer.js';
import { type VaultAnswer, VaultRefusal, type VaultRequest } from './vault-client.js';
import { notOfVault } from './vault-login.js';
import type { VaultMount, VaultSession } from './vault-session.js';

/** Everything at one path. */
export interface VaultSecret {
  readonly data: Readonly<Record<string, unknown>>;
  readonly version: string | null;
  /** How long the values are good, where the store says. */
  readonly leaseSeconds: number | undefined;
  /** Made by reading it. What is only kept has no lease, and its duration is advice. */
  readonly isLent: boolean;
  /** The path in Vault's API, for messages. */
  readonly apiPath: string;
}

const versioned = z.object({
  data: z.object({
    data: z.record(z.string(), z.unknown()).nullable(),
    metadata: z.object({
      version: z.number(),
      deletion_time: z.string().default(''),
      destroyed: z.boolean().default(false),
    }),
  }),
});

const plain = z.object({
  data: z.record(z.string(), z.unknown()),
  /** Empty for what Vault only keeps: no token takes it along. */
  lease_id: z.string().default(''),
  lease_duration: z.number().default(0),
});

/** Reads what is at a path as a person writes it, wherever the mount ends. Throws an error that says what to do. */
export async function readVaultSecret(
  session: VaultSession,
  path: string,
  limit: TimeLimit,
): Promise<VaultSecret> {
  const mount = await session.mounts.find(path, limit);
  return mount === undefined ? readByGuess(session, path, limit) : readBelow(session, { mount, path }, limit);
}

interface Place {
  readonly mount: VaultMount;
  readonly path: string;
}

async function readBelow(session: VaultSession, place: Place, limit: TimeLimit): Promise<VaultSecret> {
  const request = requestFor(place);
  const answer = await session.ask(request, limit);
  const secret = toSecret(session, { answer, place, request });
  if (secret !== undefined) return secret;
  // A mount that was made anew may be of another kind: the next reload asks again.
  session.mounts.forget(place.mount);
  throw refusal(session, { answer, place, request });
}

/**
 * Vault did not tell where the mount ends. So the first part of the path is tried as a mount, with versions and
 * without, and then, as older configurations mean it, the whole path below the mount `secret`.
 */
async function readByGuess(session: VaultSession, path: string, limit: TimeLimit): Promise<VaultSecret> {
  const [first = '', ...rest] = path.split('/');
  const places: Place[] = [
    ...(rest.length === 0 ? [] : bothKinds(`${first}/`, path)),
    ...bothKinds('secret/', `secret/${path}`),
  ];
  const tried: Answered[] = [];
  for (const place of places) {
    const request = requestFor(place);
    const answer = await session.ask(request, limit);
    const secret = toSecret(session, { answer, place, request });
    if (secret !== undefined) {
      session.mounts.guess(place.mount);
      return secret;
    }
    tried.push({ answer, place, request });
  }
  // Rather what a permission could mend than that something is not there.
  const told = tried.find(({ answer }) => answer.status !== 404) ?? tried[0];
  if (told === undefined || told.answer.status === 404)
    throw new Error(notFoundAnywhere(session, path, tried));
  throw refusal(session, told, policyPaths(path));
}

/** All that may be the path of a policy while nobody knows where the mount ends. */
function policyPaths(path: string): readonly string[] {
  const parts = path.split('/');
  const withVersions = parts
    .slice(1)
    .map((_, at) => [...parts.slice(0, at + 1), 'data', ...parts.slice(at + 1)].join('/'));
  const ownMount = parts.length === 1 ? [] : [...withVersions, path];
  return [...ownMount, `secret/data/${path}`, `secret/${path}`];
}

function bothKinds(prefix: string, path: string): Place[] {
  return (['kv-2', 'kv-1'] as const).map((kind) => ({ mount: { prefix, kind }, path }));
}

function requestFor({ mount: { prefix, kind }, path }: Place): VaultRequest {
  const below = path.slice(prefix.length);
  return { method: 'GET', path: kind === 'kv-2' ? `${prefix}data/${below}` : path };
}

/** `undefined` when the answer has no secret in it. */
function toSecret(
  session: VaultSession,
  { answer, place: { mount }, request: { path: apiPath } }: Answered,
): VaultSecret | undefined {
  if (answer.status !== 200) return undefined;
  if (mount.kind === 'kv-2') {
    const parsed = versioned.safeParse(answer.body);
    if (!parsed.success || parsed.data.data.data === null) return undefined;
    const { data, metadata } = parsed.data.data;
    return { data, version: String(metadata.version), leaseSeconds: undefined, isLent: false, apiPath };
  }
  const parsed = plain.safeParse(answer.body);
  if (!parsed.success) return undefined;
  const { data, lease_id: leaseId, lease_duration: lease } = parsed.data;
  const isLent = leaseId !== '';
  const leaseSeconds = isLent ? session.boundLease(lease) : lease;
  return { data, version: null, leaseSeconds: lease > 0 ? leaseSeconds : undefined, isLent, apiPath };
}

interface Answered {
  readonly answer: VaultAnswer;
  readonly place: Place;
  readonly request: VaultRequest;
}

function refusal(
  session: VaultSession,
  { answer, place, request }: Answered,
  paths: readonly string[] = [request.path],
): Error {
  const { client } = session;
  if (answer.status === 200) return notOfVault(client, request);
  if (answer.status === 404) return new Error(notFound(client.name, { answer, place, request }));
  return new VaultRefusal(answer, {
    name: client.name,
    request,
    whenForbidden: session.forbiddenHint(paths),
  });
}

function notFound(name: string, { answer, place, request }: Answered): string {
  const { mount, path } = place;
  const parsed = mount.kind === 'kv-2' ? versioned.safeParse(answer.body) : undefined;
  if (parsed?.success === true) {
    const { version, destroyed } = parsed.data.data.metadata;
    const mend = destroyed
      ? 'write a new one'
      : `\`vault kv undelete -versions=${version} ${path}\`, or write a new one`;
    return `${name}: the newest version, ${version}, at ${request.path} was ${destroyed ? 'destroyed' : 'deleted'}; ${mend}`;
  }
  const below = path.slice(mount.prefix.length);
  const hint =
    mount.kind === 'kv-2' && /^(?:data|metadata)\//.test(below)
      ? `write the path as \`vault kv get\` takes it: \`${mount.prefix}${below.replace(/^[a-z]+\//, '')}\``
      : `write it with \`vault kv put ${path} …\`, or correct the path`;
  return `${name} has nothing at ${request.path} (404), in the mount \`${mount.prefix}\`; ${hint}`;
}

function notFoundAnywhere({ client }: VaultSession, path: string, tried: readonly Answered[]): string {
  const paths = tried.map(({ request }) => request.path).join(', ');
  return `${client.name} does not say to which mount ${path} belongs, and has nothing at ${paths} (404); correct the mount or the path, or let a policy of the token allow it`;
}

/** `vault://<mount>/<path>#<key>`, for one resolve: however many keys of one path are asked for, it is read once. */
export function createVaultResolver(session: VaultSession, limit: TimeLimit): ReferenceResolver {
  const reads = new Map<string, Promise<VaultSecret>>();
  const read = (path: string): Promise<VaultSecret> => {
    const reading = reads.get(path) ?? readVaultSecret(session, path, limit);
    reads.set(path, reading);
    return reading;
  };
  return {
    scheme: 'vault',
    resolve: async (locator) => {
      const { path, key } = splitLocator(locator);
      return toValue(await read(path), key);
    },
  };
}

function toValue({ data, version, leaseSeconds, isLent, apiPath }: VaultSecret, key: string): ResolvedValue {
  const found = Object.hasOwn(data, key) ? data[key] : undefined;
  if (found === undefined) {
    const keys = Object.keys(data)
      .sort()
      .map((name) => `\`${name}\``)
      .join(', ');
    throw new Error(
      `there is no key \`${key}\` at ${apiPath}; ${keys === '' ? 'it has none' : `its keys are ${keys}`}`,
    );
  }
  if (found === null) throw new Error(`the key \`${key}\` at ${apiPath} is null; give it a value`);
  const value = typeof found === 'string' ? found : JSON.stringify(found);
  return {
    value,
    version,
    source: 'vault',
    leaseSeconds,
    mayChangeEarlier: !isLent,
    ...(value === '' && { warning: `the key is empty` }),
  };
}
