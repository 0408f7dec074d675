import { z } from 'zod';
import type { TimeLimit } from '../http/time-limit.js';
import type { VaultAnswer, VaultClient, VaultRequest } from './vault-client.js';
import { saysNamespace, VaultRefusal } from './vault-refusal.js';
import { notOfVault } from './vault-login.js';

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
