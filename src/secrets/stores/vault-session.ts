import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { type Disposable, Disposer, type TimeLimit } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import type { Secret } from '../../logging/index.js';
import {
  namesNamespace,
  unexpectedAnswer,
  type VaultAnswer,
  VaultClient,
  VaultRefusal,
  type VaultRequest,
} from './vault-client.js';
import type { VaultSettings } from './vault-settings.js';
import { VaultToken } from './vault-token.js';

/** Lives from one resolve to the next: connections, the token, and the known mounts. One per settings; the owner disposes it. */
export class VaultSession implements Disposable {
  readonly client: VaultClient;
  readonly mounts: VaultMounts;
  readonly #token: VaultToken;
  readonly #settings: VaultSettings;
  readonly #disposer = new Disposer();

  /** Keeps the mounts that the previous session learned: another token may not be allowed to ask for them. */
  constructor(settings: VaultSettings, logger: Logger, previous?: VaultSession) {
    this.#settings = settings;
    this.client = this.#disposer.own(new VaultClient(settings));
    this.#token = this.#disposer.own(new VaultToken(this.client, settings.login, logger));
    const known = previous?.mountsAt(settings) ?? [];
    this.mounts = new VaultMounts(this, known);
  }

  get identity(): string {
    return this.#settings.identity;
  }

  /** The known mounts, if the address and namespace are the same. */
  mountsAt({ address, namespace }: VaultSettings): readonly VaultMount[] {
    const isSame = this.#settings.address === address && this.#settings.namespace === namespace;
    return isSame ? this.mounts.confirmed : [];
  }

  /**
   * Sends a request with the token of the session. If Vault no longer knows a token from a login, there is one new login. Throws
   * what a login throws.
   */
  async ask(request: VaultRequest, limit: TimeLimit): Promise<VaultAnswer> {
    const token = await this.#token.acquire(limit);
    const answer = await this.client.ask({ ...request, token: token?.reveal() }, limit);
    if (answer.status !== 403 || token === undefined) return answer;
    if (!(await this.#token.isLost(token, limit))) return answer;
    const fresh = await this.#token.acquire(limit);
    return this.client.ask({ ...request, token: fresh?.reveal() }, limit);
  }

  /** Bounds a lease by the token that it was read with: Vault revokes both together, and a renewal may fail. */
  boundLease(leaseSeconds: number): number {
    return Math.min(leaseSeconds, this.#token.remainingSeconds ?? Infinity);
  }

  /** What to do when Vault forbids a read; one of the paths is the one that a policy must allow. */
  forbiddenHint(policyPaths: readonly string[]): string {
    const { login } = this.#settings;
    const paths = policyPaths.map((path) => `\`${path}\``).join(', ');
    const grant =
      policyPaths.length === 1
        ? `grant it \`read\` on ${paths}`
        : `grant it \`read\` on whichever of these applies: ${paths}. Without that permission, mxcp cannot find out the path and the version of the KV mount`;
    switch (login.kind) {
      case 'given':
        return `it rejected the token from ${login.from}, which has expired or lacks permission: replace it, or ${grant}`;
      case 'none':
        return `the agent has no token, or one that lacks permission: set \`${login.tokenEnv}\`, or ${grant}`;
      default:
        return `the token of the ${login.kind} login lacks permission: ${grant}`;
    }
  }

  report(): { readonly status: 'ok' | 'failing'; readonly message: string } {
    return this.#token.report();
  }

  /** When the token ends unless it is renewed, and when the certificates end that the session was given. */
  expiries(): readonly SecretExpiry[] {
    const { remainingSeconds } = this.#token;
    const { ca, cert } = this.#settings.tls;
    return [
      ...(remainingSeconds === undefined
        ? []
        : [{ kind: 'token', at: new Date(Date.now() + remainingSeconds * 1000) }]),
      ...expiryOfCertificate('client_certificate', cert),
      ...expiryOfCertificate('ca_certificate', ca),
    ];
  }

  /** Tokens and credentials, for the scrubber. */
  secrets(): readonly Secret[] {
    return this.#token.secrets();
  }

  dispose(): Promise<void> {
    return this.#disposer.dispose();
  }
}

/** Something of a store that ends, and must be replaced before that. */
export interface SecretExpiry {
  readonly kind: string;
  readonly at: Date;
}

/** Of the first certificate of a PEM file. Empty if there is none: the first connection reports what is wrong with it. */
function expiryOfCertificate(kind: string, pem: string | undefined): readonly SecretExpiry[] {
  if (pem === undefined) return [];
  try {
    return [{ kind, at: new Date(new X509Certificate(pem).validTo) }];
  } catch {
    return [];
  }
}

export interface VaultMount {
  /** With a slash at its end. */
  readonly prefix: string;
  /** Versioned key-value secrets, unversioned ones, or any engine that is read as it is. */
  readonly kind: 'kv-2' | 'kv-1' | 'other';
}

const mountAnswer = z.object({
  data: z.object({
    path: z.string().min(1),
    type: z.string(),
    options: z.object({ version: z.string().optional() }).nullish(),
  }),
});

/** Where mounts begin. Vault has no mount within another, so one answer is valid for all paths below a mount. */
class VaultMounts {
  readonly #session: Pick<VaultSession, 'client' | 'ask'>;
  readonly #confirmed: Map<string, VaultMount>;
  /** Where Vault did not say and a guess found a secret: such a mount may begin elsewhere. Not for the next session. */
  readonly #guessed = new Map<string, VaultMount>();
  /** By the first part of a path: other callers with such a path wait, and look again. */
  readonly #asking = new Map<string, Promise<VaultMount | undefined>>();

  constructor(session: Pick<VaultSession, 'client' | 'ask'>, confirmed: readonly VaultMount[]) {
    this.#session = session;
    this.#confirmed = new Map(confirmed.map((mount) => [mount.prefix, mount]));
  }

  /** Mounts that Vault itself has named. */
  get confirmed(): readonly VaultMount[] {
    return [...this.#confirmed.values()];
  }

  /** The mount of a path; `undefined` if Vault does not say. Throws when there is no answer. */
  async find(path: string, limit: TimeLimit): Promise<VaultMount | undefined> {
    const [first = ''] = path.split('/', 1);
    for (;;) {
      const known = [...this.confirmed, ...this.#guessed.values()].find(({ prefix }) => path.startsWith(prefix));
      if (known !== undefined) return known;
      const other = this.#asking.get(first);
      if (other === undefined) break;
      // An error goes to the caller that asked; those that waited ask again.
      const found = await other.catch(() => undefined);
      if (found === undefined) break;
    }
    const asking = this.#ask(path, limit).finally(() => {
      if (this.#asking.get(first) === asking) this.#asking.delete(first);
    });
    this.#asking.set(first, asking);
    return asking;
  }

  guess(mount: VaultMount): void {
    this.#guessed.set(mount.prefix, mount);
  }

  /** When a mount turns out to be different. */
  forget({ prefix }: VaultMount): void {
    this.#confirmed.delete(prefix);
    this.#guessed.delete(prefix);
  }

  async #ask(path: string, limit: TimeLimit): Promise<VaultMount | undefined> {
    const request = { method: 'GET', path: `sys/internal/ui/mounts/${path}` } as const;
    const answer = await this.#session.ask(request, limit);
    // Vault also hides mounts that do not exist from tokens without permission.
    const isHidden = [400, 403, 404, 405].includes(answer.status) && !namesNamespace(answer.errors.join());
    if (isHidden) return undefined;
    const { client } = this.#session;
    if (answer.status !== 200) throw new VaultRefusal(answer, client, request);
    const { data: parsed } = mountAnswer.safeParse(answer.body);
    if (parsed === undefined) throw unexpectedAnswer(client, request);
    const { path: prefix, type, options } = parsed.data;
    const version = options?.version === '2' ? 'kv-2' : 'kv-1';
    const mount: VaultMount = {
      prefix: `${prefix.replace(/\/+$/, '')}/`,
      kind: type === 'kv' || type === 'generic' ? version : 'other',
    };
    this.#confirmed.set(mount.prefix, mount);
    return mount;
  }
}
