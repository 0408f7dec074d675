import { randomUUID } from 'node:crypto';
import { LoopbackServer, type Reply, type SeenRequest } from './loopback-server.js';

type Data = Readonly<Record<string, unknown>>;

interface Mount {
  readonly type: string;
  readonly version: 1 | 2;
  /** By path below the mount; all versions, the oldest first. */
  readonly secrets: Map<string, StoredVersion[]>;
}

interface StoredVersion {
  readonly data: Data;
  deletedAt: string;
  destroyed: boolean;
}

export interface TokenOptions {
  /** Paths of Vault's API that it may read; a `*` at the end matches anything. Everything, unless given. */
  readonly policies?: readonly string[];
  /** Seconds; without it the token never ends. */
  readonly ttl?: number;
  readonly renewable?: boolean;
  /** Seconds after which the token cannot be renewed. */
  readonly maxTtl?: number;
  /** Without Vault's policy `default`, a token may not even look itself up. */
  readonly hasDefaultPolicy?: boolean;
}

/** By `performance.now()`, which a test can stop. */
interface IssuedToken extends TokenOptions {
  readonly issuedAt: number;
  endsAt: number;
}

interface LoginRole {
  /** What the client must send, by name. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly token: TokenOptions;
}

/** A Vault server for tests: key-value mounts of both versions, policies, tokens that end, logins, sealing and standby. */
export class VaultServer extends LoopbackServer {
  sealed = false;
  /** The address of the active node, for a node that is a standby. */
  activeAddress: string | undefined;
  /** Requests without this namespace find nothing. */
  namespace: string | undefined;
  /** Acts as an agent that has logged in: requests without a token get this one. */
  agentToken: string | undefined;
  readonly #mounts = new Map<string, Mount>();
  readonly #tokens = new Map<string, IssuedToken>();
  readonly #logins = new Map<string, LoginRole[]>();

  /** `prefix` ends with a slash. */
  mount(prefix: string, version: 1 | 2, type = 'kv'): this {
    this.#mounts.set(prefix, { type, version, secrets: new Map() });
    return this;
  }

  unmount(prefix: string): void {
    this.#mounts.delete(prefix);
  }

  /** Writes a new version; `path` begins with the mount. */
  put(path: string, data: Data): this {
    const [prefix, mount] = this.#mountOf(path) ?? fail(`no mount for ${path}`);
    const below = path.slice(prefix.length);
    const versions = mount.secrets.get(below) ?? [];
    mount.secrets.set(below, [...versions, { data, deletedAt: '', destroyed: false }]);
    return this;
  }

  /** Deletes or destroys the newest version. */
  remove(path: string, { destroyed }: { readonly destroyed: boolean }): void {
    const [prefix, mount] = this.#mountOf(path) ?? fail(`no mount for ${path}`);
    const newest = mount.secrets.get(path.slice(prefix.length))?.at(-1) ?? fail(`nothing at ${path}`);
    newest.deletedAt = destroyed ? '' : new Date().toISOString();
    newest.destroyed = destroyed;
  }

  issueToken(options: TokenOptions = {}, token = `hvs.${randomUUID()}`): string {
    const ttl = options.ttl ?? Infinity;
    this.#tokens.set(token, { ...options, issuedAt: performance.now(), endsAt: performance.now() + ttl * 1000 });
    return token;
  }

  revoke(token: string): void {
    this.#tokens.delete(token);
  }

  get tokens(): readonly string[] {
    return [...this.#tokens.keys()];
  }

  /** A client that sends these to `<mountPath>/login` gets such a token. */
  allowLogin(mountPath: string, credentials: LoginRole['credentials'], token: TokenOptions = {}): this {
    this.#logins.set(mountPath, [...(this.#logins.get(mountPath) ?? []), { credentials, token }]);
    return this;
  }

  protected reply(request: SeenRequest): Reply {
    if (this.sealed) return refuse(503, 'Vault is sealed');
    if (this.activeAddress !== undefined)
      return { status: 307, headers: { Location: `${this.activeAddress}${request.path}` } };
    if (!request.path.startsWith('/v1/')) return { status: 404, body: { errors: [] } };
    if (this.namespace !== undefined && request.headers['x-vault-namespace'] !== this.namespace)
      return refuse(404, 'namespace not found');
    const path = request.path.slice('/v1/'.length);
    if (path.startsWith('auth/') && path.endsWith('/login')) return this.#logIn(path, request);
    const name = request.headers['x-vault-token'] ?? this.agentToken ?? '';
    const token = this.#tokens.get(name);
    if (token === undefined || token.endsAt <= performance.now()) return refuse(403, 'permission denied');
    if (path.startsWith('auth/token/')) return this.#aboutToken(path, name, token);
    if (request.method === 'POST') return this.#write(path, request);
    return path.startsWith('sys/internal/ui/mounts/')
      ? this.#describeMount(path.slice('sys/internal/ui/mounts/'.length), token)
      : this.#read(path, token);
  }

  #logIn(path: string, { body }: SeenRequest): Reply {
    const roles = this.#logins.get(path.replace(/\/login$/, ''));
    if (roles === undefined) return refuse(403, 'permission denied');
    // What a client posts is a mapping of texts.
    const sent = body as Readonly<Record<string, string>>;
    const role = roles.find(({ credentials }) =>
      Object.entries(credentials).every(([key, value]) => sent[key] === value),
    );
    if (role === undefined) return refuse(400, `invalid role or secret ID: ${JSON.stringify(sent)}`);
    const token = this.issueToken(role.token);
    return { status: 200, body: { auth: this.#describeAuth(token) } };
  }

  #aboutToken(path: string, name: string, token: IssuedToken): Reply {
    if (token.hasDefaultPolicy === false) return refuse(403, '1 error occurred:\n\t* permission denied\n\n');
    if (path === 'auth/token/lookup-self') {
      const ttl = token.ttl === undefined ? 0 : Math.round((token.endsAt - performance.now()) / 1000);
      return { status: 200, body: { data: { id: name, ttl, renewable: token.renewable ?? false } } };
    }
    if (path !== 'auth/token/renew-self') return { status: 404, body: { errors: [] } };
    if (token.renewable !== true) return refuse(400, 'lease is not renewable');
    const last = token.maxTtl === undefined ? Infinity : token.issuedAt + token.maxTtl * 1000;
    token.endsAt = Math.min(performance.now() + (token.ttl ?? 0) * 1000, last);
    return { status: 200, body: { auth: this.#describeAuth(name) } };
  }

  #describeAuth(name: string): unknown {
    const { endsAt, renewable = false } = this.#tokens.get(name) ?? fail('there is no such token');
    const left = Number.isFinite(endsAt) ? Math.round((endsAt - performance.now()) / 1000) : 0;
    return { client_token: name, lease_duration: left, renewable, policies: ['default'] };
  }

  /** As in Vault, a missing mount gets the same answer as a forbidden one. */
  #describeMount(path: string, { policies }: IssuedToken): Reply {
    const [prefix, mount] = this.#mountOf(path) ?? [];
    const isVisible = policies?.some((policy) => prefix !== undefined && policy.startsWith(prefix)) ?? true;
    if (mount === undefined || !isVisible)
      return refuse(
        403,
        `preflight capability check returned 403, please ensure client's policies grant access to path "${path}/"`,
      );
    const options = mount.type === 'kv' ? { version: String(mount.version) } : null;
    return { status: 200, body: { data: { path: prefix, type: mount.type, options } } };
  }

  /** For version 2 only, which `vault kv put` needs. */
  #write(path: string, { body }: SeenRequest): Reply {
    const [prefix = '', mount] = this.#mountOf(path) ?? [];
    if (mount?.version !== 2 || !path.startsWith(`${prefix}data/`)) return refuse(404, 'no handler for route');
    // What a client posts there is a mapping with `data`.
    this.put(path.replace('data/', ''), (body as { readonly data: Data }).data);
    return { status: 200, body: { data: {} } };
  }

  #read(path: string, { policies }: IssuedToken): Reply {
    if (policies !== undefined && !policies.some((policy) => covers(policy, path)))
      return refuse(403, '1 error occurred:\n\t* permission denied\n\n');
    const [prefix, mount] = this.#mountOf(path) ?? [];
    if (prefix === undefined || mount === undefined)
      return refuse(404, `no handler for route "${path}". route entry not found.`);
    const below = path.slice(prefix.length);
    if (mount.type === 'kv' && mount.version === 2) return readVersioned(mount, below);
    const newest = mount.secrets.get(below)?.at(-1);
    if (newest === undefined) return { status: 404, body: { errors: [] } };
    const isLeased = mount.type !== 'kv';
    return {
      status: 200,
      body: {
        lease_id: isLeased ? `${path}/${randomUUID()}` : '',
        renewable: isLeased,
        lease_duration: isLeased ? 300 : 2_764_800,
        data: newest.data,
      },
    };
  }

  #mountOf(path: string): [string, Mount] | undefined {
    return [...this.#mounts].find(([prefix]) => `${path}/`.startsWith(prefix));
  }
}

function readVersioned({ secrets }: Mount, below: string): Reply {
  if (!below.startsWith('data/')) {
    const warnings = ['Invalid path for a versioned K/V secrets engine.'];
    return { status: 404, body: { request_id: randomUUID(), data: null, warnings } };
  }
  const versions = secrets.get(below.slice('data/'.length));
  const newest = versions?.at(-1);
  if (versions === undefined || newest === undefined) return { status: 404, body: { errors: [] } };
  const isGone = newest.deletedAt !== '' || newest.destroyed;
  const metadata = { version: versions.length, deletion_time: newest.deletedAt, destroyed: newest.destroyed };
  const data = { data: isGone ? null : newest.data, metadata: { ...metadata, created_time: new Date().toISOString() } };
  return { status: isGone ? 404 : 200, body: { lease_id: '', lease_duration: 0, data } };
}

function covers(policy: string, path: string): boolean {
  return policy.endsWith('*') ? path.startsWith(policy.slice(0, -1)) : path === policy;
}

function refuse(status: number, error: string): Reply {
  return { status, body: { errors: [error] } };
}

function fail(reason: string): never {
  throw new Error(reason);
}
