import { z } from 'zod';
import { type Disposable, Disposer } from '../../lifecycle/index.js';
import type { Logger } from '../../logging/index.js';
import type { Secret } from '../references/secret.js';
import type { TimeLimit } from './http-peer.js';
import {
  saysNamespace,
  type VaultAnswer,
  VaultClient,
  VaultRefusal,
  type VaultRequest,
} from './vault-client.js';
import { lookUp, notOfVault } from './vault-login.js';
import type { VaultSettings } from './vault-settings.js';
import { VaultTokenKeeper } from './vault-token-keeper.js';

/**
 * What lasts from one resolve to the next: connections, the token, and which mounts there are. One per settings; the
 * owner disposes it.
 */
export class VaultSession implements Disposable {
  readonly client: VaultClient;
  readonly mounts: VaultMounts;
  readonly #tokens: VaultTokenKeeper;
  readonly #settings: VaultSettings;
  readonly #disposer = new Disposer();

  /** Of the session before, what it knows of the mounts is kept: another token may not be allowed to ask. */
  constructor(settings: VaultSettings, logger: Logger, previous?: VaultSession) {
    this.#settings = settings;
    this.client = this.#disposer.own(new VaultClient(settings));
    this.#tokens = this.#disposer.own(new VaultTokenKeeper(this.client, settings.login, logger));
    const isSame = previous !== undefined && previous.#isAt(settings);
    this.mounts = new VaultMounts(this, isSame ? previous.mounts.told : []);
  }

  get identity(): string {
    return this.#settings.identity;
  }

  /**
   * Asks with the token of the session. When Vault has forgotten a token that we logged in for, there is one new login.
   * Throws what a login throws.
   */
  async ask(request: VaultRequest, limit: TimeLimit): Promise<VaultAnswer> {
    const token = await this.#tokens.acquire(limit);
    const answer = await this.#askWith(token, request, limit);
    if (answer.status !== 403 || token === undefined) return answer;
    if (
      (await lookUp(this.client, this.#tokens.known(token), limit)) !== undefined ||
      !this.#tokens.forget(token)
    )
      return answer;
    return this.#askWith(await this.#tokens.acquire(limit), request, limit);
  }

  /**
   * How long a lease of so many seconds surely lasts: Vault revokes it with the token that it was read with, and a renewal of
   * that token is nothing to count on.
   */
  boundLease(leaseSeconds: number): number {
    return Math.min(leaseSeconds, this.#tokens.leftSeconds ?? Infinity);
  }

  /** What to do when Vault refuses to let us read something; one of the paths is that of the policy. */
  forbiddenHint(policyPaths: readonly string[]): string {
    const { login } = this.#settings;
    const paths = policyPaths.map((path) => `\`${path}\``).join(', ');
    const allow =
      policyPaths.length === 1
        ? `let a policy of it allow \`read\` on ${paths}`
        : `let a policy of it allow \`read\` on the right one of ${paths}: Vault does not tell this token where the mount ends and whether it keeps versions`;
    switch (login.kind) {
      case 'given':
        return `the token of ${login.from} is not good any more, or may not: put a new one there, or ${allow}`;
      case 'none':
        return `the agent has no token, or one that may not: set ${login.tokenEnv}, or ${allow}`;
      default:
        return `the token of the ${login.kind} login may not: ${allow}`;
    }
  }

  report(): { readonly status: 'ok' | 'failing'; readonly message: string } {
    return this.#tokens.report();
  }

  /** What must not be seen: tokens, and what a login sends. */
  secrets(): readonly Secret[] {
    return this.#tokens.secrets();
  }

  dispose(): Promise<void> {
    return this.#disposer.dispose();
  }

  #isAt({ address, namespace }: VaultSettings): boolean {
    return this.#settings.address === address && this.#settings.namespace === namespace;
  }

  #askWith(token: Secret | undefined, request: VaultRequest, limit: TimeLimit): Promise<VaultAnswer> {
    return this.client.ask({ ...request, token: token?.reveal() }, limit);
  }
}

/** What asks Vault with the token of a session. */
interface VaultAsker {
  readonly client: VaultClient;
  ask(request: VaultRequest, limit: TimeLimit): Promise<VaultAnswer>;
}

export interface VaultMount {
  /** With the slash at its end. */
  readonly prefix: string;
  /** Versioned key-value secrets, key-value secrets without versions, or whatever else is read as it is. */
  readonly kind: 'kv-2' | 'kv-1' | 'other';
}

const mountAnswer = z.object({
  data: z.object({
    path: z.string().min(1),
    type: z.string(),
    options: z.object({ version: z.string().optional() }).nullish(),
  }),
});

/**
 * Where mounts begin, asked once for each: Vault has no mount within another, so that one answer serves for all paths
 * below it. Kept from one session to the next; `forget` when a mount turns out to be another.
 */
export class VaultMounts {
  readonly #session: VaultAsker;
  readonly #told: Map<string, VaultMount>;
  /** Where Vault did not tell and a guess had a secret: such a mount may begin elsewhere. Only for the life of a session. */
  readonly #guessed = new Map<string, VaultMount>();
  /** By first part of the path: whoever else needs such a path waits and looks again. */
  readonly #asking = new Map<string, Promise<VaultMount | undefined>>();

  constructor(session: VaultAsker, told: readonly VaultMount[]) {
    this.#session = session;
    this.#told = new Map(told.map((mount) => [mount.prefix, mount]));
  }

  /** What Vault itself has said. */
  get told(): readonly VaultMount[] {
    return [...this.#told.values()];
  }

  /** The mount of a path; `undefined` when Vault does not tell. Throws when Vault cannot be asked. */
  async find(path: string, limit: TimeLimit): Promise<VaultMount | undefined> {
    const [first = ''] = path.split('/', 1);
    for (;;) {
      const known = [...this.told, ...this.#guessed.values()].find(({ prefix }) => path.startsWith(prefix));
      if (known !== undefined) return known;
      const asking = this.#asking.get(first);
      if (asking === undefined) break;
      // A failure is told to whoever asked; who waited asks again.
      const found = await asking.catch(() => undefined);
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

  forget({ prefix }: VaultMount): void {
    this.#told.delete(prefix);
    this.#guessed.delete(prefix);
  }

  async #ask(path: string, limit: TimeLimit): Promise<VaultMount | undefined> {
    const request = { method: 'GET', path: `sys/internal/ui/mounts/${path}` } as const;
    const answer = await this.#session.ask(request, limit);
    // Also for a mount that does not exist: Vault does not tell who may not know.
    const isHidden = [400, 403, 404, 405].includes(answer.status) && !saysNamespace(answer.errors.join());
    if (isHidden) return undefined;
    const { client } = this.#session;
    if (answer.status !== 200) throw new VaultRefusal(answer, { name: client.name, request });
    const parsed = mountAnswer.safeParse(answer.body);
    if (!parsed.success) throw notOfVault(client, request);
    const { path: prefix, type, options } = parsed.data.data;
    const mount: VaultMount = {
      prefix: `${prefix.replace(/\/+$/, '')}/`,
      kind: kindOf(type, options?.version),
    };
    this.#told.set(mount.prefix, mount);
    return mount;
  }
}

function kindOf(type: string, version: string | undefined): VaultMount['kind'] {
  if (type !== 'kv' && type !== 'generic') return 'other';
  return version === '2' ? 'kv-2' : 'kv-1';
}
