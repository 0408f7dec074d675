import { z } from 'zod';
import type { Journal, JournalEntry } from './journal.js';

/** Who signed in, as the identity provider described the user. Field by field what `Caller` has. */
const userSchema = z.strictObject({
  userId: z.string(),
  username: z.string().nullable(),
  email: z.string().nullable(),
  name: z.string().nullable(),
  provider: z.string(),
  role: z.string(),
  permissions: z.array(z.string()),
  capabilities: z.array(z.string()),
  profile: z.record(z.string(), z.unknown()),
});
export type SignedInUser = z.output<typeof userSchema>;

/** The identity provider's tokens of a user. Times are milliseconds since 1970. */
const externalSchema = z.strictObject({
  accessToken: z.string(),
  refreshToken: z.string().nullable(),
  /** Null when the provider does not limit it. */
  expiresAt: z.number().nullable(),
  /** What the last ID token said about the user. */
  identity: z.record(z.string(), z.unknown()),
  /** When the provider last confirmed the user. */
  checkedAt: z.number(),
});
export type ExternalTokens = z.output<typeof externalSchema>;

const clientSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  secretHash: z.string().nullable(),
  redirectUris: z.array(z.string()),
  grantTypes: z.array(z.string()),
  createdAt: z.number(),
  /** Null until a person signed in with it. */
  usedAt: z.number().nullable(),
});
export type RegisteredClient = z.output<typeof clientSchema>;

/** What a person agreed to. */
const consentSchema = z.strictObject({ clientId: z.string(), resource: z.string(), scopes: z.array(z.string()) });

const codeSchema = z.strictObject({
  ...consentSchema.shape,
  redirectUri: z.string(),
  /** Whether the request named it: then the exchange must name the same. */
  redirectUriGiven: z.boolean(),
  challenge: z.string(),
  user: userSchema,
  external: externalSchema,
  expiresAt: z.number(),
  /** The grant that came of it. A second use ends that. */
  grantId: z.string().nullable(),
});
export type AuthorizationCode = z.output<typeof codeSchema>;

const grantSchema = z.strictObject({
  ...consentSchema.shape,
  id: z.string(),
  user: userSchema,
  external: externalSchema,
  createdAt: z.number(),
  usedAt: z.number(),
  refreshHash: z.string(),
  /** The newest last. */
  access: z.array(z.strictObject({ hash: z.string(), scopes: z.array(z.string()), expiresAt: z.number() })),
  /** Refresh tokens that were replaced a moment ago; the newest last. */
  retired: z.array(z.strictObject({ hash: z.string(), salt: z.string(), scopes: z.array(z.string()), at: z.number() })),
});
/** One person's permission for one client: from a sign-in, through every refresh, to its end. */
export type Grant = z.output<typeof grantSchema>;

const usedStateSchema = z.strictObject({ expiresAt: z.number() });

export const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A grant that is not used for this long ends. */
export const GRANT_IDLE_MS = 30 * DAY_MS;
const CLIENT_UNUSED_MS = DAY_MS;
const CLIENT_IDLE_MS = 90 * DAY_MS;

const MAX_CLIENTS = 10_000;
const MAX_CODES = 10_000;
const MAX_USED_STATES = 50_000;
const MAX_GRANTS = 20_000;
const MAX_GRANTS_OF_USER = 100;
/** How often everything is searched for what has ended. */
const SWEEP_MS = MINUTE_MS;

/** A table of one kind of value, in the order in which they were last written. */
class Table<Value> {
  readonly kind: string;
  readonly values = new Map<string, Value>();
  readonly #schema: z.ZodType<Value>;
  readonly #limit: number;

  constructor(kind: string, schema: z.ZodType<Value>, limit: number) {
    this.kind = kind;
    this.#limit = limit;
    this.#schema = schema;
  }

  get isFull(): boolean {
    return this.values.size >= this.#limit;
  }

  *entries(): Generator<JournalEntry> {
    for (const [id, value] of this.values) yield [`${this.kind}/${id}`, value];
  }

  /** Of those that are preferred, if there are any. */
  oldest(isPreferred: (value: Value) => boolean = () => true): string | undefined {
    for (const [id, value] of this.values) if (isPreferred(value)) return id;
    return this.values.keys().next().value;
  }

  /** Throws a `ZodError` for a value of another form. */
  restore(id: string, value: unknown): void {
    this.values.delete(id);
    if (value !== null) this.values.set(id, this.#schema.parse(value));
  }
}

/**
 * What the issuer must remember beyond one request: registered clients, codes, used states and grants. Everything is in memory; with
 * a journal, every change is on disk before its promise resolves. All tables are limited: beyond its limit, a table forgets
 * what was not used for the longest time.
 */
export class IssuerStore {
  readonly #clients = new Table('client', clientSchema, MAX_CLIENTS);
  readonly #codes = new Table('code', codeSchema, MAX_CODES);
  readonly #usedStates = new Table('state', usedStateSchema, MAX_USED_STATES);
  readonly #grants = new Table('grant', grantSchema, MAX_GRANTS);
  readonly #now: () => number;
  #journal: Pick<Journal, 'append'> | undefined;
  #sweptAt = 0;
  /** Ids of grants that were taken away; the newest last. */
  readonly #taken = new Set<string>();
  /** Learns that a grant was taken away before its time. */
  onGrantEnded: () => void = () => undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Reads the journal, and from then on writes to it unless it is only read. */
  async restore(journal: Journal, readsOnly: boolean): Promise<void> {
    const tables = this.#tables();
    const take = ([key, value]: JournalEntry): void => {
      const slash = key.indexOf('/');
      const table = tables.find(({ kind }) => kind === key.slice(0, slash));
      table?.restore(key.slice(slash + 1), value);
    };
    if (readsOnly) return journal.read(take);
    await journal.open(take);
    this.#journal = journal;
    await this.#write(this.#sweep());
  }

  /** Everything that a new file must contain. */
  *entries(): Generator<JournalEntry> {
    for (const table of this.#tables()) yield* table.entries();
  }

  client(id: string): RegisteredClient | undefined {
    const client = this.#clients.values.get(id);
    return client === undefined || this.#hasClientEnded(client) ? undefined : client;
  }

  async saveClient(client: RegisteredClient): Promise<void> {
    await this.#save(this.#clients, client.id, client, isUnused);
  }

  /** Notes that a person signed in, at most once a day, so that the client is kept. */
  async touchClient(id: string): Promise<void> {
    const client = this.client(id);
    if (client === undefined || this.#now() - (client.usedAt ?? 0) < DAY_MS) return;
    await this.saveClient({ ...client, usedAt: this.#now() });
  }

  code(hash: string): AuthorizationCode | undefined {
    return this.#codes.values.get(hash);
  }

  async saveCode(hash: string, code: AuthorizationCode): Promise<void> {
    await this.#save(this.#codes, hash, code);
  }

  /** Whether the state was unused, which it no longer is. */
  async useState(id: string, expiresAt: number): Promise<boolean> {
    if (this.#usedStates.values.has(id)) return false;
    await this.#save(this.#usedStates, id, { expiresAt });
    return true;
  }

  grant(id: string): Grant | undefined {
    const grant = this.#grants.values.get(id);
    return grant === undefined || this.#hasGrantEnded(grant) ? undefined : grant;
  }

  /** Whether there was a grant with this id that was taken away lately. */
  hadGrant(id: string): boolean {
    return this.#taken.has(id);
  }

  /** The one that was used last comes last. */
  *grants(): Generator<Grant> {
    for (const grant of this.#grants.values.values()) if (!this.#hasGrantEnded(grant)) yield grant;
  }

  hasGrantOf(user: SignedInUser): boolean {
    for (const grant of this.grants()) if (isSameUser(grant.user, user)) return true;
    return false;
  }

  async addGrant(grant: Grant): Promise<void> {
    const others = [...this.#grants.values.values()].filter(({ user }) => isSameUser(user, grant.user));
    const oldest = others.slice(0, Math.max(0, others.length - MAX_GRANTS_OF_USER + 1));
    const removed = oldest.map(({ id }) => this.#takeAway(id));
    await Promise.all([this.#write(removed), this.saveGrant(grant)]);
  }

  async saveGrant(grant: Grant): Promise<void> {
    await this.#save(this.#grants, grant.id, grant);
  }

  async endGrant(id: string): Promise<void> {
    if (!this.#grants.values.has(id)) return;
    await this.#write([this.#takeAway(id)]);
  }

  /** Memory changes before the first wait, so that two requests never both see the old value. */
  async #save<Value>(
    table: Table<Value>,
    id: string,
    value: Value,
    isForgottenFirst?: (value: Value) => boolean,
  ): Promise<void> {
    const isFull = !table.values.delete(id) && table.isFull;
    const forgotten = isFull ? table.oldest(isForgottenFirst) : undefined;
    const excess = forgotten === undefined ? [] : [this.#forget(table, forgotten)];
    table.values.set(id, value);
    const isDue = this.#now() - this.#sweptAt >= SWEEP_MS;
    await this.#write([[`${table.kind}/${id}`, value], ...excess, ...(isDue ? this.#sweep() : [])]);
  }

  #takeAway(id: string): JournalEntry {
    this.#taken.add(id);
    const [oldest] = this.#taken;
    if (this.#taken.size > MAX_GRANTS && oldest !== undefined) this.#taken.delete(oldest);
    const entry = this.#forget(this.#grants, id);
    this.onGrantEnded();
    return entry;
  }

  #forget(table: Pick<Table<unknown>, 'kind' | 'values'>, id: string): JournalEntry {
    table.values.delete(id);
    return [`${table.kind}/${id}`, null];
  }

  async #write(entries: readonly JournalEntry[]): Promise<void> {
    if (entries.length > 0) await this.#journal?.append(...entries);
  }

  #sweep(): readonly JournalEntry[] {
    this.#sweptAt = this.#now();
    const hasExpired = ({ expiresAt }: { readonly expiresAt: number }): boolean => expiresAt <= this.#now();
    return [
      ...this.#sweepTable(this.#clients, (client) => this.#hasClientEnded(client)),
      ...this.#sweepTable(this.#codes, hasExpired),
      ...this.#sweepTable(this.#usedStates, hasExpired),
      ...this.#sweepTable(this.#grants, (grant) => this.#hasGrantEnded(grant)),
    ];
  }

  #sweepTable<Value>(table: Table<Value>, hasEnded: (value: Value) => boolean): readonly JournalEntry[] {
    const ended = [...table.values].filter(([, value]) => hasEnded(value));
    return ended.map(([id]) => this.#forget(table, id));
  }

  #hasClientEnded({ createdAt, usedAt }: RegisteredClient): boolean {
    return this.#now() >= (usedAt === null ? createdAt + CLIENT_UNUSED_MS : usedAt + CLIENT_IDLE_MS);
  }

  #hasGrantEnded({ usedAt }: Grant): boolean {
    return this.#now() >= usedAt + GRANT_IDLE_MS;
  }

  #tables(): readonly Pick<Table<unknown>, 'kind' | 'entries' | 'restore'>[] {
    return [this.#clients, this.#codes, this.#usedStates, this.#grants];
  }
}

/** A flood of registrations must not displace the clients that people use. */
function isUnused({ usedAt }: RegisteredClient): boolean {
  return usedAt === null;
}

function isSameUser(left: SignedInUser, right: SignedInUser): boolean {
  return left.userId === right.userId && left.provider === right.provider;
}
