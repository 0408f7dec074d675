import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';

/**
 * Where a request came from that a trusted proxy has passed on: the last address of `X-Forwarded-For`, which the proxy adds. A client
 * can only write what comes before it. Undefined once the connection has closed.
 */
export function clientBehindProxy({ headers, socket }: IncomingMessage): string | undefined {
  const forwarded = headers['x-forwarded-for'];
  const [last = ''] = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',').slice(-1);
  const address = withoutPort(last.trim());
  return isIP(address) === 0 ? socket.remoteAddress : address;
}

/** Some proxies add the port: `192.0.2.1:5000`, `[2001:db8::1]:5000`. */
function withoutPort(text: string): string {
  return /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

const GROUPS = 8;
const GROUPS_OF_A_NETWORK = 4;

/** What one client has: an address of IPv4, or a network of 64 bits of IPv6, in which it can choose any address. */
export function networkOf(address: string | undefined): string {
  const plain = (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
  if (!isIPv6(plain)) return plain;
  const network = groupsOf(plain)
    .slice(0, GROUPS_OF_A_NETWORK)
    .map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** The groups of an address of IPv6, those that `::` leaves out included. */
function groupsOf(address: string): readonly string[] {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, GROUPS - left.length - right.length);
  return [...left, ...Array.from({ length: missing }, () => '0'), ...right];
}
