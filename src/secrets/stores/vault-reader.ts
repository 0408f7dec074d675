import { z } from 'zod';
import type { TimeLimit } from '../../lifecycle/index.js';
import { splitLocator } from '../references/reference-grammar.js';
import type { ReferenceResolver, ResolvedValue } from '../references/resolve-references.js';
import { exactText } from './http-peer.js';
import { unexpectedAnswer, type VaultAnswer, VaultRefusal, type VaultRequest } from './vault-client.js';
import type { VaultMount, VaultSession } from './vault-session.js';

/** Resolves `vault://<mount>/<path>#<key>` in one resolve, which reads each path once, whatever number of keys it needs. */
export function createVaultResolver(session: VaultSession, limit: TimeLimit): ReferenceResolver {
  const reads = new Map<string, Promise<VaultSecret>>();
  return {
    scheme: 'vault',
    resolve: async (locator) => {
      const { path, key } = splitLocator(locator);
      const reading = reads.get(path) ?? readVaultSecret(session, path, limit);
      reads.set(path, reading);
      return toValue(await reading, key);
    },
  };
}

/** Everything at one path. */
interface VaultSecret {
  readonly data: Readonly<Record<string, unknown>>;
  readonly version: string | null;
  readonly leaseSeconds: number | undefined;
  /** Created by reading it. Stored secrets have no lease, and their duration is only advice. */
  readonly isLeased: boolean;
  /** The path in Vault's API, for messages. */
  readonly apiPath: string;
}

function toValue({ data, version, leaseSeconds, isLeased, apiPath }: VaultSecret, key: string): ResolvedValue {
  const found = Object.hasOwn(data, key) ? data[key] : undefined;
  if (found === undefined) {
    const keys = Object.keys(data)
      .sort()
      .map((name) => `"${name}"`)
      .join(', ');
    throw new Error(`there is no key "${key}" at ${apiPath}; ${keys === '' ? 'it has none' : `its keys are ${keys}`}`);
  }
  if (found === null) throw new Error(`the key "${key}" at ${apiPath} is null; give it a value`);
  const value = exactText(found);
  return {
    value,
    version,
    source: 'vault',
    leaseSeconds,
    mayChangeEarlier: !isLeased,
    ...(value === '' && { warning: 'the key is empty' }),
  };
}

/** Reads a path as a person writes it, wherever the mount ends. Throws an error that says what to do. */
async function readVaultSecret(session: VaultSession, path: string, limit: TimeLimit): Promise<VaultSecret> {
  const mount = await session.mounts.find(path, limit);
  if (mount === undefined) return readByGuess(session, path, limit);
  const attempt = await read(session, { mount, path }, limit);
  if (attempt.secret !== undefined) return attempt.secret;
  // A mount that was created again may be of another kind: the next reload asks for it.
  session.mounts.forget(mount);
  throw toError(session, attempt);
}

/**
 * When Vault does not say where the mount ends, the first part of the path is tried as a mount, with versions and without, and
 * then, as in older configurations, the whole path below the mount `secret`.
 */
async function readByGuess(session: VaultSession, path: string, limit: TimeLimit): Promise<VaultSecret> {
  const [first = '', ...rest] = path.split('/');
  const places = [
    ...(rest.length === 0 ? [] : bothKinds(`${first}/`, path)),
    ...bothKinds('secret/', `secret/${path}`),
  ];
  const attempts: Attempt[] = [];
  for (const place of places) {
    const attempt = await read(session, place, limit);
    if (attempt.secret !== undefined) {
      session.mounts.guess(place.mount);
      return attempt.secret;
    }
    attempts.push(attempt);
  }
  // Prefer a failure that a permission could fix.
  const failed = attempts.find(({ answer }) => answer.status !== 404);
  if (failed !== undefined) throw toError(session, failed, policyPaths(path));
  const paths = attempts.map(({ request }) => request.path).join(', ');
  throw new Error(
    `${session.client.name} does not report the mount of ${path}, and has nothing at ${paths} (404); correct the path, or grant the token access to it`,
  );
}

interface Place {
  readonly mount: VaultMount;
  readonly path: string;
}

function bothKinds(prefix: string, path: string): Place[] {
  return (['kv-2', 'kv-1'] as const).map((kind) => ({ mount: { prefix, kind }, path }));
}

/** All paths that a policy may need while the end of the mount is unknown. */
function policyPaths(path: string): readonly string[] {
  const parts = path.split('/');
  const withVersions = parts
    .slice(1)
    .map((_, at) => [...parts.slice(0, at + 1), 'data', ...parts.slice(at + 1)].join('/'));
  const ownMount = parts.length === 1 ? [] : [...withVersions, path];
  return [...ownMount, `secret/data/${path}`, `secret/${path}`];
}

interface Attempt extends Place {
  readonly request: VaultRequest;
  readonly answer: VaultAnswer;
  /** Undefined if the answer has none. */
  readonly secret: VaultSecret | undefined;
}

async function read(session: VaultSession, place: Place, limit: TimeLimit): Promise<Attempt> {
  const { prefix, kind } = place.mount;
  const apiPath = kind === 'kv-2' ? `${prefix}data/${place.path.slice(prefix.length)}` : place.path;
  const request: VaultRequest = { method: 'GET', path: apiPath };
  const answer = await session.ask(request, limit);
  const found =
    answer.status !== 200 ? undefined : kind === 'kv-2' ? readVersioned(answer) : readUnversioned(answer, session);
  return { ...place, request, answer, secret: found && { ...found, apiPath } };
}

const versionedAnswer = z.object({
  data: z.object({
    data: z.record(z.string(), z.unknown()).nullable(),
    metadata: z.object({ version: z.number(), destroyed: z.boolean().default(false) }),
  }),
});

function readVersioned({ body }: VaultAnswer): Omit<VaultSecret, 'apiPath'> | undefined {
  const { data, metadata } = versionedAnswer.safeParse(body).data?.data ?? {};
  if (data === undefined || data === null || metadata === undefined) return undefined;
  return { data, version: String(metadata.version), leaseSeconds: undefined, isLeased: false };
}

const unversionedAnswer = z.object({
  data: z.record(z.string(), z.unknown()),
  /** Empty for stored secrets, which no token takes along when it ends. */
  lease_id: z.string().default(''),
  lease_duration: z.number().default(0),
});

function readUnversioned({ body }: VaultAnswer, session: VaultSession): Omit<VaultSecret, 'apiPath'> | undefined {
  const { data: parsed } = unversionedAnswer.safeParse(body);
  if (parsed === undefined) return undefined;
  const { data, lease_id: leaseId, lease_duration: lease } = parsed;
  const isLeased = leaseId !== '';
  const bounded = isLeased ? session.boundLease(lease) : lease;
  return { data, version: null, leaseSeconds: lease > 0 ? bounded : undefined, isLeased };
}

function toError(session: VaultSession, attempt: Attempt, paths: readonly string[] = [attempt.request.path]): Error {
  const { answer, request } = attempt;
  const { client } = session;
  if (answer.status === 200) return unexpectedAnswer(client, request);
  if (answer.status === 404) return new Error(`${client.name}${describeMissing(attempt)}`);
  return new VaultRefusal(answer, client, request, session.forbiddenHint(paths));
}

function describeMissing({ answer, mount, path, request }: Attempt): string {
  const metadata = mount.kind === 'kv-2' ? versionedAnswer.safeParse(answer.body).data?.data.metadata : undefined;
  if (metadata !== undefined) {
    const { version, destroyed } = metadata;
    const remedy = destroyed
      ? 'write a new one'
      : `run \`vault kv undelete -versions=${version} ${path}\`, or write a new one`;
    return `: the newest version, ${version}, at ${request.path} was ${destroyed ? 'destroyed' : 'deleted'}; ${remedy}`;
  }
  const below = path.slice(mount.prefix.length);
  const hint =
    mount.kind === 'kv-2' && /^(?:data|metadata)\//.test(below)
      ? `write the path as \`vault kv get\` takes it: \`${mount.prefix}${below.replace(/^[a-z]+\//, '')}\``
      : `write it with \`vault kv put ${path} …\`, or correct the path`;
  return ` has nothing at ${request.path} (404), in the mount \`${mount.prefix}\`; ${hint}`;
}
