import { lookup } from 'node:dns';
import { request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { readAnswerText } from '../../http/index.js';

/** Networks that are not part of the public internet (IANA's special-purpose registries), by address family. */
const INTERNAL: readonly (readonly [network: string, bits: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.88.99.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
];

/** Of IPv6, only what is assigned to the internet, without what leads to IPv4 addresses or is for documentation. */
const INTERNAL_V6: typeof INTERNAL = [
  ['2001::', 23, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['3fff::', 20, 'ipv6'],
];

const internal = new BlockList();
for (const [network, bits, family] of [...INTERNAL, ...INTERNAL_V6]) internal.addSubnet(network, bits, family);
const global = new BlockList();
global.addSubnet('2000::', 3, 'ipv6');

/** Whether an address belongs to the public internet, and not to this machine or its networks. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 4) return !internal.check(address, 'ipv4');
  // A zone, as in `fe80::1%eth0`, names a network of this machine.
  return version === 6 && !address.includes('%') && global.check(address, 'ipv6') && !internal.check(address, 'ipv6');
}

export interface PublicFetchOptions {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Tests reach a server of this machine, with a certificate of their own. */
  readonly isAllowed?: (address: string) => boolean;
  readonly ca?: string | undefined;
}

export interface PublicAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/**
 * Gets an `https` URL that a stranger chose. The address is checked when the connection is made, so a name cannot lead elsewhere in
 * between. Redirects are not followed, nothing is sent but the URL, and no proxy is used.
 */
export async function fetchPublic(url: URL, options: PublicFetchOptions): Promise<PublicAnswer> {
  const { isAllowed = isPublicAddress, timeoutMs, maxBytes, ca } = options;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol !== 'https:') throw new Error('is not an https URL');
  // Node does not look up what is an address already.
  if (isIP(host) !== 0 && !isAllowed(host)) throw new Error(`leads to ${host}, which is not a public address`);
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { accept: 'application/json', 'user-agent': 'mxcp' };
    const sent = request(url, { agent: false, headers, signal, ca, lookup: publicLookup(isAllowed) }, resolve);
    sent.on('error', reject).end();
  });
  const text = await readAnswerText(response, maxBytes, () => new Error(`is larger than ${maxBytes} bytes`));
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

function publicLookup(isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      const refused = addresses?.find(({ address }) => !isAllowed(address));
      if (error !== null || first === undefined) callback(error ?? new Error('has no address'), []);
      else if (refused !== undefined)
        callback(new Error(`leads to ${refused.address}, which is not a public address`), []);
      else if (options.all === true) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}
