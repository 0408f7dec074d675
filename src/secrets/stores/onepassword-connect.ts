import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Disposable } from '../../lifecycle/index.js';
import { version } from '../../version/index.js';
import type { OnepasswordLocator } from '../references/reference-grammar.js';
import type { ResolvedValue } from '../references/reference-resolver.js';
import type { Secret } from '../references/secret.js';
import {
  ExchangeFailure,
  type HttpAnswer,
  HttpPeer,
  quote,
  sendPatiently,
  type TimeLimit,
} from './http-peer.js';

export interface ConnectOptions {
  readonly host: string;
  readonly ca: string | undefined;
  readonly token: Secret;
  readonly tokenEnv: string;
}

/** Asks a Connect server. The owner disposes it. */
export class ConnectClient implements Disposable {
  readonly #peer: HttpPeer;
  readonly #token: Secret;
  readonly #tokenEnv: string;

  constructor({ host, ca, token, tokenEnv }: ConnectOptions) {
    this.#peer = new HttpPeer(host, { ca });
    this.#token = token;
    this.#tokenEnv = tokenEnv;
  }

  /** For messages. */
  get name(): string {
    return `the 1Password Connect server at ${this.#peer.address}`;
  }

  dispose(): void {
    this.#peer.dispose();
  }

  /** What is at a path; `undefined` when it answers 404. Throws an error that says what to do. */
  async get<T>(path: string, schema: z.ZodType<T>, limit: TimeLimit): Promise<T | undefined> {
    const answer = await this.#send(path, limit);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw new Error(this.#describe(answer, path));
    const parsed = schema.safeParse(parseJson(answer.text));
    if (parsed.success) return parsed.data;
    throw new Error(
      `${this.name} answered GET ${path} in a form that is not that of Connect; look at \`onepassword.connect_host\``,
    );
  }

  async #send(path: string, limit: TimeLimit): Promise<HttpAnswer> {
    const headers = { Authorization: `Bearer ${this.#token.reveal()}`, 'User-Agent': `mxcp/${version}` };
    try {
      return await sendPatiently(this.#peer, { method: 'GET', path: `/v1${path}`, headers }, limit);
    } catch (error) {
      if (!(error instanceof ExchangeFailure)) throw error;
      throw new Error(`${this.name} ${error.message} (GET ${path})`, { cause: error });
    }
  }

  #describe({ status, text, headers }: HttpAnswer, path: string): string {
    const body = parseJson(text);
    const isNamed = typeof body === 'object' && body !== null && 'message' in body;
    const said = isNamed ? ` (${quote(String(body.message), [this.#token.reveal()])})` : '';
    return `${this.name} answered ${status} to GET ${path}${said}${this.#hintFor(status, headers['retry-after'])}`;
  }

  #hintFor(status: number, retryAfter: string | undefined): string {
    if (status === 401) return `; the token of ${this.#tokenEnv} is not good: put another one there`;
    if (status === 403) return `; the token of ${this.#tokenEnv} may not: give it access to the vault`;
    if (status === 429)
      return `; it limits the rate of requests${retryAfter === undefined ? '' : ` and asks to wait ${retryAfter} s`}`;
    return status >= 500 ? '; look at its log' : '';
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No answer of Connect; the check of its form says so, without quoting it.
    return undefined;
  }
}

const named = z.object({ id: z.string(), name: z.string().default('') });
const titled = z.object({ id: z.string(), title: z.string().default('') });

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
        value: z.string().optional(),
        totp: z.string().optional(),
        section: z.object({ id: z.string(), label: z.string().optional() }).optional(),
      }),
    )
    .default([]),
});

export type ConnectItem = z.output<typeof itemSchema>;

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
      const found = await client.get(`${base}/${name}`, itemSchema, this.#limit);
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
    const whole = await client.get(`${base}/${encodeURIComponent(first.id)}`, itemSchema, this.#limit);
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

type Field = ConnectItem['fields'][number];

/** The value that a locator means in an item. Throws an error that names the fields there are, never a value. */
export function readField(item: ConnectItem, locator: OnepasswordLocator, now: Date): ResolvedValue {
  const field = findField(item, locator);
  const itemVersion = item.version === undefined ? null : String(item.version);
  // The key tells whether it is another code; where Connect gives none, the version of the item has to do.
  if (locator.isOtp)
    return {
      value: readOtp(field, locator, now),
      version: itemVersion,
      source: 'onepassword',
      changesWith: field.value ?? itemVersion ?? '',
    };
  const value = field.value ?? '';
  return {
    value,
    version: itemVersion,
    source: 'onepassword',
    ...(value === '' && { warning: 'the field is empty' }),
  };
}

function findField(item: ConnectItem, { section, field: name, isOtp }: OnepasswordLocator): Field {
  const inSection = item.fields.filter((field) => section === undefined || isInSection(item, field, section));
  const found = preferExact(inSection, name);
  // Without a section named, a field that is in none is the one that is meant.
  const outside = section === undefined ? found.filter((field) => field.section === undefined) : [];
  const candidates = outside.length > 0 ? outside : found;
  const otp = isOtp ? candidates.filter(({ type }) => type === 'OTP') : [];
  const [first, ...more] = otp.length > 0 ? otp : candidates;
  if (first === undefined) throw new Error(noField(item, name, section));
  if (more.length > 0)
    throw new Error(
      `the item \`${item.title}\` has more than one field \`${name}\`; write the section too, or the id of the field`,
    );
  return first;
}

function preferExact(fields: readonly Field[], name: string): readonly Field[] {
  const exact = fields.filter(({ id, label }) => id === name || label === name);
  return exact.length > 0
    ? exact
    : fields.filter(({ id, label }) => [id, label].some((text) => isSame(text, name)));
}

function isInSection(item: ConnectItem, field: Field, name: string): boolean {
  if (field.section === undefined) return false;
  const { id } = field.section;
  const label = field.section.label ?? item.sections.find((section) => section.id === id)?.label ?? '';
  return isSame(id, name) || isSame(label, name);
}

/** 1Password does not tell upper from lower case in references. */
function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function noField(item: ConnectItem, name: string, section: string | undefined): string {
  const where = section === undefined ? '' : ` in the section \`${section}\``;
  const labels = item.fields.map((field) => {
    const label = field.label || field.id;
    const at = item.sections.find(({ id }) => id === field.section?.id)?.label;
    return `\`${at === undefined || at === '' ? '' : `${at}/`}${label}\``;
  });
  return `the item \`${item.title}\` has no field \`${name}\`${where}; ${labels.length === 0 ? 'it has none' : `its fields are ${labels.join(', ')}`}`;
}

function readOtp({ totp, value, label }: Field, { field }: OnepasswordLocator, now: Date): string {
  if (totp !== undefined && totp !== '') return totp;
  if (value === undefined || value === '')
    throw new Error(`the field \`${label || field}\` has no one-time password`);
  try {
    return computeTotp(value, now);
  } catch (error) {
    throw new Error(
      `the field \`${label || field}\`: ${error instanceof Error ? error.message : 'no one-time password'}`,
      {
        cause: error,
      },
    );
  }
}

interface TotpSettings {
  readonly key: Buffer;
  readonly algorithm: 'sha1' | 'sha256' | 'sha512';
  readonly digits: number;
  readonly periodSeconds: number;
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/**
 * The one-time password of RFC 6238 for a moment. `secret` is an `otpauth://totp/…` address or a bare key in base 32.
 * Throws when it is neither; the message does not quote it.
 */
export function computeTotp(secret: string, now: Date): string {
  const { key, algorithm, digits, periodSeconds } = readSettings(secret.trim());
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now.getTime() / 1000 / periodSeconds)));
  const digest = createHmac(algorithm, key).update(counter).digest();
  const offset = digest.readUInt8(digest.length - 1) & 0x0f;
  const code = (digest.readUInt32BE(offset) & 0x7fffffff) % 10 ** digits;
  return String(code).padStart(digits, '0');
}

function readSettings(secret: string): TotpSettings {
  if (!/^otpauth:/i.test(secret)) {
    return { key: decodeBase32(secret), algorithm: 'sha1', digits: 6, periodSeconds: 30 };
  }
  if (!/^otpauth:\/\/totp\//i.test(secret) || !URL.canParse(secret))
    throw new Error('the one-time password is not of the kind that time makes (`otpauth://totp/…`)');
  const { searchParams: query } = new URL(secret);
  return {
    key: decodeBase32(query.get('secret') ?? ''),
    algorithm: readAlgorithm(query.get('algorithm') ?? 'SHA1'),
    digits: readNumber(query.get('digits') ?? '6', { from: 6, to: 9 }),
    periodSeconds: readNumber(query.get('period') ?? '30', { from: 1, to: 3600 }),
  };
}

function readAlgorithm(name: string): TotpSettings['algorithm'] {
  const known = (['sha1', 'sha256', 'sha512'] as const).find(
    (algorithm) => algorithm === name.toLowerCase().replace('-', ''),
  );
  if (known === undefined)
    throw new Error('the one-time password uses an algorithm other than SHA1, SHA256, SHA512');
  return known;
}

function readNumber(text: string, { from, to }: { readonly from: number; readonly to: number }): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new Error(`the one-time password has digits or a period that are not from ${from} to ${to}`);
}

function decodeBase32(text: string): Buffer {
  const letters = text.toUpperCase().replaceAll(/[\s-]|=+$/g, '');
  const bytes: number[] = [];
  let bits = 0;
  let held = 0;
  for (const letter of letters) {
    const value = BASE32.indexOf(letter);
    if (value === -1) throw new Error('the key of the one-time password is not base 32');
    held = ((held << 5) | value) & 0xffff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >> bits) & 0xff);
    }
  }
  if (bytes.length === 0) throw new Error('the one-time password has no key');
  return Buffer.from(bytes);
}
