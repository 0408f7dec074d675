import { LoopbackServer, type LoopbackOptions, type Reply, type SeenRequest } from './loopback-server.js';

export interface ConnectField {
  readonly id: string;
  readonly label?: string;
  readonly type?: string;
  readonly value?: string;
  readonly totp?: string;
  /** Label of its section. */
  readonly section?: string;
}

interface StoredItem {
  readonly id: string;
  readonly title: string;
  version: number;
  fields: readonly ConnectField[];
}

interface StoredVault {
  readonly id: string;
  readonly name: string;
  readonly items: StoredItem[];
}

/** A 1Password Connect server of a test. Ids are made of letters and digits, 26 of them, as real ones are. */
export class ConnectServer extends LoopbackServer {
  readonly token: string;
  readonly #vaults: StoredVault[] = [];
  #made = 0;

  constructor(token: string, options: LoopbackOptions = {}) {
    super(options);
    this.token = token;
  }

  /** Makes the item, and its vault when there is none, or writes it anew. Answers with both ids. */
  put(vault: string, title: string, fields: readonly ConnectField[]): { vaultId: string; itemId: string } {
    const inVault = this.#vaults.find(({ name }) => name === vault) ?? this.addVault(vault);
    const known = inVault.items.find((item) => item.title === title);
    if (known === undefined) return this.#add(inVault, title, fields);
    known.fields = fields;
    known.version += 1;
    return { vaultId: inVault.id, itemId: known.id };
  }

  /** One more item, also of a title that is there already. */
  addItem(vault: string, title: string, fields: readonly ConnectField[]): void {
    const inVault = this.#vaults.find(({ name }) => name === vault) ?? this.addVault(vault);
    this.#add(inVault, title, fields);
  }

  addVault(name: string): StoredVault {
    const made: StoredVault = { id: this.#makeId('v'), name, items: [] };
    this.#vaults.push(made);
    return made;
  }

  protected reply({ path, query, headers }: SeenRequest): Reply {
    if (headers['authorization'] !== `Bearer ${this.token}`)
      return { status: 401, body: { status: 401, message: `Invalid token ${headers['authorization']}` } };
    const [, version, vaults, vaultId, items, itemId] = path.split('/');
    if (version !== 'v1' || vaults !== 'vaults') return notFound('path');
    if (vaultId === undefined) {
      const name = filterOf(query, 'name');
      return { status: 200, body: this.#vaults.filter((vault) => vault.name === name).map(vaultSummary) };
    }
    const vault = this.#vaults.find(({ id }) => id === vaultId);
    if (vault === undefined) return notFound('vault');
    if (items === undefined) return { status: 200, body: vaultSummary(vault) };
    if (itemId === undefined) {
      const title = filterOf(query, 'title');
      return { status: 200, body: vault.items.filter((item) => item.title === title).map(itemSummary) };
    }
    const item = vault.items.find(({ id }) => id === itemId);
    return item === undefined ? notFound('item') : { status: 200, body: wholeItem(item) };
  }

  #add(vault: StoredVault, title: string, fields: readonly ConnectField[]): { vaultId: string; itemId: string } {
    const item = { id: this.#makeId('i'), title, version: 1, fields };
    vault.items.push(item);
    return { vaultId: vault.id, itemId: item.id };
  }

  #makeId(kind: string): string {
    this.#made += 1;
    return `${kind}${String(this.#made).padStart(25, '0')}`;
  }
}

function vaultSummary({ id, name }: StoredVault): unknown {
  return { id, name, type: 'USER_CREATED' };
}

function itemSummary({ id, title, version }: StoredItem): unknown {
  return { id, title, version, category: 'LOGIN' };
}

function wholeItem(item: StoredItem): unknown {
  const labels = [...new Set(item.fields.flatMap(({ section }) => section ?? []))];
  return {
    ...(itemSummary(item) as object),
    sections: labels.map((label) => ({ id: `section-${label}`, label })),
    fields: item.fields.map(({ section, ...field }) => ({
      type: 'CONCEALED',
      ...field,
      ...(section !== undefined && { section: { id: `section-${section}` } }),
    })),
  };
}

/** `name eq "…"`, the only filter that Connect knows here. */
function filterOf(query: URLSearchParams, key: string): string | undefined {
  const [, text] = new RegExp(`^${key} eq "((?:[^"\\\\]|\\\\.)*)"$`).exec(query.get('filter') ?? '') ?? [];
  return text?.replaceAll(/\\(.)/g, '$1');
}

function notFound(what: string): Reply {
  return { status: 404, body: { status: 404, message: `${what} not found` } };
}
