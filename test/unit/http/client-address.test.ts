import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { clientBehindProxy, networkOf } from '../../../src/http/index.js';

/** The parts of a request that say where it came from. */
function from(remoteAddress: string | undefined, forwarded?: string): IncomingMessage {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return { socket: { remoteAddress }, headers } as unknown as IncomingMessage;
}

describe('the address of a client', () => {
  it('is that of the connection where the proxy names none', () => {
    expect(clientBehindProxy(from('192.0.2.1'))).toBe('192.0.2.1');
    expect(clientBehindProxy(from(undefined))).toBeUndefined();
  });

  it.each([
    ['198.51.100.7', '198.51.100.7'],
    ['203.0.113.9, 198.51.100.7', '198.51.100.7'],
    ['198.51.100.7:4711', '198.51.100.7'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['unknown', '192.0.2.1'],
    ['198.51.100.7, ', '192.0.2.1'],
    ['', '192.0.2.1'],
  ])('behind a trusted proxy is the last one that "%s" names, if it names one', (forwarded, expected) => {
    expect(clientBehindProxy(from('192.0.2.1', forwarded))).toBe(expected);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::ffff', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['2001:0db8:0000::', '2001:db8:0:0::/64'],
    [undefined, ''],
  ])('%s belongs to the network %s', (address, expected) => {
    expect(networkOf(address)).toBe(expected);
  });
});
