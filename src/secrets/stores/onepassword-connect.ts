import { Secret as OtpKey, TOTP } from 'otpauth';
import { z } from 'zod';
import { messageOf } from '../../errors/index.js';
import type { Disposable, TimeLimit } from '../../lifecycle/index.js';
import { version } from '../../version/index.js';
import type { OnepasswordLocator } from '../references/reference-grammar.js';
import type { ResolvedValue } from '../references/resolve-references.js';
import type { Secret } from '../../logging/index.js';
import { exactText, type HttpAnswer, HttpPeer, hintForStatus, quote } from './http-peer.js';

interface ConnectOptions {
  readonly host: string;
  readonly ca: string | undefined;
  readonly token: Secret;
  readonly tokenEnv: string;
}

/** Sends requests to a Connect server. The owner disposes it. */
export class ConnectClient implements Disposable {
  readonly #peer: HttpPeer;
  readonly #options: ConnectOptions;

  constructor(options: ConnectOptions) {
    this.#peer = new HttpPeer(options.host, { ca: options.ca });
    this.#options = options;
  }

  /** For messages. */
  get name(): string {
    return `the 1Password Connect server at ${this.#peer.address}`;
  }

  dispose(): void {
    this.#peer.dispose();
  }

  /** The content at a path; `undefined` for a 404. Throws an error that says what to do. */
  async get<T>(path: string, schema: z.ZodType<T>, limit: TimeLimit): Promise<T | undefined> {
    const token = this.#options.token.reveal();
    const headers = { Authorization: `Bearer ${token}`, 'User-Agent': `mxcp/${version}` };
    const request = { method: 'GET', path: `/v1${path}`, headers } as const;
    const answer = await this.#peer.send(request, limit, {
      describe: (reason) => `${this.name} ${reason} (GET ${path})`,
    });
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) {
      const { data } = errorBody.safeParse(answer.json);
      const said = data === undefined ? '' : ` (${quote(data.message, [token])})`;
      const hint = this.#hintFor(answer);
      throw new Error(`${this.name} answered ${answer.status} to GET ${path}${said}${hint && `; ${hint}`}`);
    }
    const parsed = schema.safeParse(answer.json);
    if (parsed.success) return parsed.data;
    throw new Error(
      `${this.name} gave an unexpected answer to GET ${path}; check that \`onepassword.connect_host\` is a Connect server`,
    );
  }

  #hintFor(answer: HttpAnswer): string {
    const { tokenEnv } = this.#options;
    if (answer.status === 401) return `it rejected the token from ${tokenEnv}: replace it`;
    if (answer.status === 403) return `the token from ${tokenEnv} lacks permission: give it access to the vault`;
    return hintForStatus(answer) ?? '';
  }
}

const errorBody = z.object({ message: z.string() });
const identified = z.object({ id: z.string() });

/** Fields are texts, and a proxy or a server of another make may send a number. */
const fieldText = z.union([z.string(), z.number()]).transform(exactText);

const itemSchema = z.object({
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
        value: fieldText.optional(),
        totp: fieldText.optional(),
        section: z.object({ id: z.string(), label: z.string().optional() }).optional(),
      }),
    )
    .default([]),
});

type ConnectItem = z.output<typeof itemSchema>;

/** Ids of vaults and items. A name can look the same, so the name is tried next. */
const ID = /^[a-z0-9]{26}$/;

/** Reads fields for one resolve, in which each vault and each item is requested once. */
export class ConnectReader {
  readonly #client: ConnectClient;
  readonly #limit: TimeLimit;
  readonly #vaults = new Map<string, Promise<string>>();
  readonly #items = new Map<string, Promise<ConnectItem>>();

  constructor(client: ConnectClient, limit: TimeLimit) {
    this.#client = client;
    this.#limit = limit;
  }

  /** Throws an error that names what exists instead, never a value. */
  async read(locator: OnepasswordLocator): Promise<ResolvedValue> {
    const { vault, item: title } = locator;
    const item = await once(this.#items, `${vault}/${title}`, async () => {
      const vaultId = await once(this.#vaults, vault, () => this.#findVault(vault));
      return this.#findItem(`/vaults/${encodeURIComponent(vaultId)}/items`, title, vault);
    });
    return readField(item, locator, new Date());
  }

  async #findVault(name: string): Promise<string> {
    const found = ID.test(name) ? await this.#get(`/vaults/${name}`, identified) : undefined;
    if (found !== undefined) return found.id;
    const [first, ...more] = await this.#idsOf('/vaults', 'name', name);
    const { name: client } = this.#client;
    if (first === undefined)
      throw new Error(
        `${client} has no vault "${name}" that its token may see; correct the name, or give the token access`,
      );
    if (more.length === 0) return first;
    throw new Error(`${client} has ${more.length + 1} vaults "${name}"; use the id instead`);
  }

  async #findItem(items: string, title: string, vault: string): Promise<ConnectItem> {
    const found = ID.test(title) ? await this.#get(`${items}/${title}`, itemSchema) : undefined;
    if (found !== undefined) return found;
    const [first, ...more] = await this.#idsOf(items, 'title', title);
    if (first === undefined) throw new Error(`there is no item "${title}" in the vault "${vault}"; correct the title`);
    if (more.length > 0)
      throw new Error(`there are ${more.length + 1} items "${title}" in the vault "${vault}"; use the id instead`);
    const item = await this.#get(`${items}/${encodeURIComponent(first)}`, itemSchema);
    if (item === undefined) throw new Error(`the item "${title}" was deleted while it was read; try again`);
    return item;
  }

  async #idsOf(path: string, property: 'name' | 'title', text: string): Promise<readonly string[]> {
    const filter = `${property} eq "${text.replaceAll(/["\\]/g, '\\$&')}"`;
    const found = await this.#get(`${path}?filter=${encodeURIComponent(filter)}`, z.array(identified));
    return (found ?? []).map(({ id }) => id);
  }

  #get<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
    return this.#client.get(path, schema, this.#limit);
  }
}

function once<T>(known: Map<string, Promise<T>>, key: string, request: () => Promise<T>): Promise<T> {
  const promise = known.get(key) ?? request();
  known.set(key, promise);
  return promise;
}

type Field = ConnectItem['fields'][number];

function readField(item: ConnectItem, locator: OnepasswordLocator, now: Date): ResolvedValue {
  const field = findField(item, locator);
  const shared = { version: item.version === undefined ? null : String(item.version), source: 'onepassword' };
  if (!locator.isOtp) {
    const { value = '' } = field;
    return { ...shared, value, ...(value === '' && { warning: 'the field is empty' }) };
  }
  // Each code is different; the value has changed when its key has. Connect may hide the key, but not the item's version.
  return { ...shared, value: readOtp(field, locator.field, now), changesWith: field.value ?? shared.version ?? '' };
}

function findField(item: ConnectItem, { section, field: name, isOtp }: OnepasswordLocator): Field {
  const inSection = item.fields.filter((field) => section === undefined || isInSection(item, field, section));
  const found = preferExact(inSection, name);
  // A locator without a section prefers a field without a section.
  const outside = section === undefined ? found.filter((field) => field.section === undefined) : [];
  const candidates = outside.length > 0 ? outside : found;
  const otp = isOtp ? candidates.filter(({ type }) => type === 'OTP') : [];
  const [first, ...more] = otp.length > 0 ? otp : candidates;
  if (first === undefined) throw new Error(describeMissingField(item, name, section));
  if (more.length === 0) return first;
  throw new Error(
    `the item "${item.title}" has more than one field "${name}"; add the section, or use the id of the field`,
  );
}

function preferExact(fields: readonly Field[], name: string): readonly Field[] {
  const exact = fields.filter(({ id, label }) => id === name || label === name);
  return exact.length > 0 ? exact : fields.filter(({ id, label }) => isSame(id, name) || isSame(label, name));
}

function isInSection(item: ConnectItem, { section }: Field, name: string): boolean {
  return section !== undefined && (isSame(section.id, name) || isSame(sectionLabel(item, section), name));
}

function sectionLabel({ sections }: ConnectItem, { id, label }: NonNullable<Field['section']>): string {
  return label ?? sections.find((section) => section.id === id)?.label ?? '';
}

/** References to 1Password ignore case. */
function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function describeMissingField(item: ConnectItem, name: string, section: string | undefined): string {
  const where = section === undefined ? '' : ` in the section "${section}"`;
  const names = item.fields.map((field) => {
    const label = field.section === undefined ? '' : sectionLabel(item, field.section);
    return `"${label === '' ? '' : `${label}/`}${field.label || field.id}"`;
  });
  const known = names.length === 0 ? 'it has none' : `its fields are ${names.join(', ')}`;
  return `the item "${item.title}" has no field "${name}"${where}; ${known}`;
}

function readOtp({ totp, value, label }: Field, name: string, now: Date): string {
  if (totp !== undefined && totp !== '') return totp;
  const field = `the field "${label || name}"`;
  if (value === undefined || value === '') throw new Error(`${field} has no one-time password`);
  try {
    return computeTotp(value, now);
  } catch (error) {
    throw new Error(`${field}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * The one-time password of RFC 6238 at a moment. `secret` is an `otpauth://totp/…` URL or a bare key in base 32. Throws when
 * it is neither; the message does not quote it.
 */
export function computeTotp(secret: string, now: Date): string {
  const text = secret.trim();
  const isUrl = /^otpauth:/i.test(text);
  if (isUrl && (!/^otpauth:\/\/totp\//i.test(text) || !URL.canParse(text)))
    throw new Error('the one-time password is not time-based (`otpauth://totp/…`)');
  const settings = isUrl ? new URL(text).searchParams : new URLSearchParams({ secret: text });
  const totp = new TOTP({
    secret: readOtpKey(settings.get('secret') ?? ''),
    algorithm: readAlgorithm(settings.get('algorithm') ?? 'SHA1'),
    digits: readNumber(settings.get('digits') ?? '6', { from: 6, to: 9 }),
    period: readNumber(settings.get('period') ?? '30', { from: 1, to: 3600 }),
  });
  return totp.generate({ timestamp: now.getTime() });
}

function readOtpKey(text: string): OtpKey {
  const letters = text.replaceAll(/[\s-]|=+$/g, '');
  if (!/^[A-Z2-7]*$/i.test(letters)) throw new Error('the key of the one-time password is not base 32');
  const key = OtpKey.fromBase32(letters);
  if (key.bytes.length === 0) throw new Error('the one-time password has no key');
  return key;
}

function readAlgorithm(name: string): string {
  const algorithm = name.toUpperCase().replace('-', '');
  if (['SHA1', 'SHA256', 'SHA512'].includes(algorithm)) return algorithm;
  throw new Error('the one-time password uses an algorithm other than SHA1, SHA256 and SHA512');
}

function readNumber(text: string, { from, to }: { readonly from: number; readonly to: number }): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new Error(`the digits or the period of the one-time password are not from ${from} to ${to}`);
}
