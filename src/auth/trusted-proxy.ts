import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import type { Caller } from '../caller/index.js';
import type { AuthSettings } from '../config/index.js';
import { MxcpError } from '../errors/index.js';
import {
  type Admission,
  type Authenticator,
  type AuthRequest,
  MalformedCredentials,
  NoCredentials,
} from './credentials/index.js';

type ProxySection = NonNullable<ReturnType<AuthSettings['section']['reveal']>['proxy']>;

/** What a header with an identity may hold at most. */
const MAX_VALUE_LENGTH = 1000;
const MAX_LIST_LENGTH = 8 * 1024;

/**
 * Believes the headers of a proxy that has authenticated the user. Only a request from the proxy's address, or with the secret that
 * it shares with this server, counts as one of the proxy; if both are configured, it needs both.
 */
export class TrustedProxy implements Authenticator {
  readonly secretHeaders: ReadonlySet<string>;
  readonly #current: () => ProxySection;
  readonly #addresses: BlockList | undefined;

  constructor(current: () => ProxySection) {
    const { addresses, secret_header: secretHeader } = current();
    this.#current = current;
    this.secretHeaders = new Set(['authorization', secretHeader.toLowerCase()]);
    this.#addresses = addresses.length === 0 ? undefined : toBlockList(addresses);
  }

  async authenticate(request: AuthRequest): Promise<Admission> {
    const section = this.#current();
    const { peer } = request;
    if (this.#addresses !== undefined && !contains(this.#addresses, peer))
      throw new MxcpError('unauthenticated', 'the request does not come from the address of the proxy');
    const { shared_secret: secret } = section;
    if (secret !== undefined && !isSame(secret, request.valuesOf(section.secret_header.toLowerCase())))
      throw new MxcpError('unauthenticated', 'the request lacks the secret of the proxy');
    // Without either, a configuration that was checked before has become another one: refuse.
    if (this.#addresses === undefined && secret === undefined)
      throw new MxcpError('unauthenticated', 'nothing shows that the request comes from the proxy');
    return { caller: toCaller(section, request) };
  }
}

function toCaller(section: ProxySection, request: AuthRequest): Caller {
  const username = oneValue(section.user_header, request);
  if (username === null) throw new NoCredentials('the proxy names no user');
  return {
    userId: username,
    username,
    email: oneValue(section.email_header, request),
    name: oneValue(section.name_header, request),
    provider: 'proxy',
    role: oneValue(section.role_header, request) ?? 'user',
    permissions: listOf(section.permissions_header, request),
    capabilities: [],
    scopes: listOf(section.scopes_header, request),
    externalToken: null,
    profile: null,
  };
}

/** A second header of that name may be one that the client has added. */
function oneValue(header: string | undefined, request: AuthRequest): string | null {
  const [value = '', second] = header === undefined ? [] : request.valuesOf(header.toLowerCase());
  if (value.trim() === '' && second === undefined) return null;
  if (second !== undefined || value.length > MAX_VALUE_LENGTH || /[^\x20-\x7e\x80-\uffff]/.test(value))
    throw new MalformedCredentials(`the header \`${header}\` of the proxy is not one value`);
  return value.trim();
}

function listOf(header: string | undefined, request: AuthRequest): readonly string[] {
  const [value = '', second] = header === undefined ? [] : request.valuesOf(header.toLowerCase());
  if (second !== undefined || value.length > MAX_LIST_LENGTH)
    throw new MalformedCredentials(`the header \`${header}\` of the proxy came twice or is too long`);
  return value.split(/[\s,]+/).filter((item) => item !== '');
}

function isSame(secret: string, [sent = '']: readonly string[]): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(secret), digest(sent));
}

function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const each of networks) {
    const [, address = each, bits] = /^(.*)\/(\d+)$/.exec(each) ?? [];
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}

/** A listener for both families shows IPv4 addresses as `::ffff:10.0.0.1`. */
function contains(list: BlockList, address = ''): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const version = isIP(plain);
  return version !== 0 && list.check(plain, version === 6 ? 'ipv6' : 'ipv4');
}
