import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toChallenge } from '../../../src/auth/bearer-token.js';
import { ProtectedResource } from '../../../src/auth/protected-resource.js';
import { callerOfClaims } from '../../../src/auth/oidc/caller-of-claims.js';
import { KeptValue } from '../../../src/auth/oidc/kept-value.js';

/** As a client reads it (RFC 9110, 11.6.1), without escapes: the server never writes any. */
function parseChallenge(header: string): Map<string, string> {
  expect(header).toMatch(/^Bearer (?:[a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"(?:, |$))+$/);
  return new Map([...header.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]));
}

it('a challenge keeps its fields apart, whatever their texts are', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom('a', 'b:c', 'x.y/z')),
      (description, scopes) => {
        const read = parseChallenge(toChallenge({ error: 'invalid_token', description, scopes }));
        expect(read.get('error')).toBe('invalid_token');
        expect(read.get('scope')).toBe(scopes.length === 0 ? undefined : scopes.join(' '));
        expect(read.get('error_description')).toHaveLength(description.length);
      },
    ),
  );
});

function resourceOf(publicUrl: string | undefined, port = 8000): ProtectedResource {
  const authorizationServers = () => ['https://id.example.com'];
  return new ProtectedResource({ publicUrl, port: () => port, name: 'shop', authorizationServers, scopes: () => [] });
}

describe('the names of a server', () => {
  it.each([
    ['https://t.example.com', 'https://t.example.com/mcp'],
    ['https://t.example.com/', 'https://t.example.com/mcp'],
    ['https://t.example.com/mcp', 'https://t.example.com/mcp'],
    ['https://t.example.com:8443/a/b//', 'https://t.example.com:8443/a/b/mcp'],
    ['HTTPS://T.Example.com', 'https://t.example.com/mcp'],
  ])('behind %s are %s, whatever the Host is', (publicUrl, name) => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain()), (host) => {
        expect(resourceOf(publicUrl).names).toEqual([name]);
        expect(resourceOf(publicUrl).urlFor(host)).toBe(name);
      }),
    );
  });

  it('on loopback are those of its own port', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.webAuthority()), (host) => {
        const resource = resourceOf(undefined);
        expect(resource.names).toContain(resource.urlFor(host));
      }),
    );
    expect(resourceOf(undefined).urlFor('127.0.0.1:8000')).toBe('http://127.0.0.1:8000/mcp');
    expect(resourceOf(undefined).urlFor('[::1]:8000')).toBe('http://[::1]:8000/mcp');
    expect(resourceOf(undefined).urlFor('127.0.0.1:9000')).toBe('http://localhost:8000/mcp');
  });
});

it('any claims give a caller of plain texts, or none', () => {
  const context = { provider: 'oidc', mappings: { 'a.b': { x: ['c'] } }, externalToken: 't' };
  const names = fc.constantFrom('sub', 'email', 'scope', 'scp', 'permissions', 'role', 'a', 'a.b', '__proto__', 'name');
  fc.assert(
    fc.property(fc.dictionary(names, fc.jsonValue()), (claims) => {
      const isText = (value: unknown) => typeof value === 'string' && /^[^@]/s.test(value);
      const isNamed = (typeof claims['sub'] === 'string' && claims['sub'] !== '') || isText(claims['email']);
      if (!isNamed) {
        expect(() => callerOfClaims(claims, context)).toThrow('the token names no user');
        return;
      }
      const caller = callerOfClaims(claims, context);
      for (const each of [caller.userId, caller.username, caller.role]) expect(typeof each).toBe('string');
      for (const list of [caller.scopes, caller.permissions, caller.capabilities])
        for (const item of list) expect(typeof item).toBe('string');
    }),
  );
});

describe('a value of another server', () => {
  it('is read once for all who wait, with a pause between two reads', async () => {
    let now = 0;
    let reads = 0;
    const read = async () => (reads += 1);
    const options = { freshMs: 100, usableMs: 1000, pauseMs: 10, onStale: () => undefined, now: () => now };
    const value = new KeptValue({ read, ...options });
    expect(await Promise.all([value.get(), value.get(), value.renew()])).toEqual([1, 1, 1]);
    expect(await value.renew()).toBe(1);
    now = 10;
    expect(await value.renew()).toBe(2);
    expect(await value.get()).toBe(2);
  });

  it('that was never read is asked for again only after the pause', async () => {
    let now = 0;
    let reads = 0;
    const read = async (): Promise<number> => {
      reads += 1;
      throw new Error(`away ${reads}`);
    };
    const options = { freshMs: 100, usableMs: 1000, pauseMs: 10, onStale: () => undefined, now: () => now };
    const value = new KeptValue({ read, ...options });
    for (let asked = 0; asked < 5; asked += 1) await expect(value.get()).rejects.toThrow('away 1');
    now = 10;
    await expect(value.renew()).rejects.toThrow('away 2');
  });
});
