import { Disposer, type Disposable } from '../../../lifecycle/index.js';
import type { Logger } from '../../../logging/index.js';
import type { Secret } from '../../secret.js';
import type { TimeLimit } from '../http/time-limit.js';
import { VaultClient, type VaultAnswer, type VaultRequest } from './vault-client.js';
import { lookUp } from './vault-login.js';
import { VaultMounts } from './vault-mounts.js';
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
