import { z } from 'zod';
import type { TimeLimit } from '../http/time-limit.js';
import type { ConnectClient } from './connect-client.js';
import type { OnepasswordLocator } from './onepassword-locator.js';

const named = z.object({ id: z.string(), name: z.string().default('') });
const titled = z.object({ id: z.string(), title: z.string().default('') });

const item = z.object({
  id: z.string(),
  title: z.string().default(''),
  version: z.number().optional(),
  sections: z.array(z.object({ id: z.string(), label: z.string().default('') })).default([]),
  fields: z
    .array(
      z.object({
        id: z.string(),
        label: z.string().default(''),
        type: z.string().default(''),
        value: z.string().optional(),
        totp: z.string().optional(),
        section: z.object({ id: z.string(), label: z.string().optional() }).optional(),
      }),
    )
    .default([]),
});

export type ConnectItem = z.output<typeof item>;

/** Ids of vaults and items; a name can look the same, so the name is tried next. */
const ID = /^[a-z0-9]{26}$/;

/** Finds items, for one resolve: each vault and each item is asked for once. */
export class ConnectItems {
  readonly #client: ConnectClient;
  readonly #limit: TimeLimit;
  readonly #vaults = new Map<string, Promise<string>>();
  readonly #items = new Map<string, Promise<ConnectItem>>();

  constructor(client: ConnectClient, limit: TimeLimit) {
    this.#client = client;
    this.#limit = limit;
  }

  /** Throws an error that says what there is instead. */
  read({ vault, item: name }: OnepasswordLocator): Promise<ConnectItem> {
    return once(this.#items, `${vault}/${name}`, async () => {
      const vaultId = await once(this.#vaults, vault, () => this.#findVault(vault));
      return this.#findItem(vaultId, { vault, name });
    });
  }

  async #findVault(name: string): Promise<string> {
    const client = this.#client;
    if (ID.test(name)) {
      const found = await client.get(`/vaults/${name}`, named, this.#limit);
      if (found !== undefined) return found.id;
    }
    const path = `/vaults?filter=${encodeURIComponent(`name eq "${escapeFilter(name)}"`)}`;
    const found = (await client.get(path, z.array(named), this.#limit)) ?? [];
    const [first, ...more] = found;
    if (first === undefined)
      throw new Error(
        `${client.name} has no vault \`${name}\` that its token may see; correct the name, or give the token access`,
      );
    if (more.length > 0)
      throw new Error(`${client.name} has ${found.length} vaults \`${name}\`; write the id instead`);
    return first.id;
  }

  async #findItem(
    vaultId: string,
    { vault, name }: { readonly vault: string; readonly name: string },
  ): Promise<ConnectItem> {
    const client = this.#client;
    const base = `/vaults/${encodeURIComponent(vaultId)}/items`;
    if (ID.test(name)) {
      const found = await client.get(`${base}/${name}`, item, this.#limit);
      if (found !== undefined) return found;
    }
    const path = `${base}?filter=${encodeURIComponent(`title eq "${escapeFilter(name)}"`)}`;
    const found = (await client.get(path, z.array(titled), this.#limit)) ?? [];
    const [first, ...more] = found;
    if (first === undefined)
      throw new Error(`there is no item \`${name}\` in the vault \`${vault}\`; correct the title`);
    if (more.length > 0)
      throw new Error(
        `there are ${found.length} items \`${name}\` in the vault \`${vault}\`; write the id instead`,
      );
    const whole = await client.get(`${base}/${encodeURIComponent(first.id)}`, item, this.#limit);
    if (whole === undefined) throw new Error(`the item \`${name}\` was deleted while it was read; try again`);
    return whole;
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, ask: () => Promise<T>): Promise<T> {
  const asking = known.get(key) ?? ask();
  known.set(key, asking);
  return asking;
}

function escapeFilter(text: string): string {
  return text.replaceAll(/["\\]/g, '\\$&');
}
