import * as fc from 'fast-check';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { toChallenge } from '../../../src/auth/bearer-token.js';
import { ProtectedResource } from '../../../src/auth/protected-resource.js';
import { claimValues, userOfClaims } from '../../../src/auth/claims/index.js';
import { HiddenTokens } from '../../../src/auth/hidden-tokens.js';
import { Scrubber } from '../../../src/logging/index.js';
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

function resourceOf(publicUrl: string | undefined, ...groups: readonly string[]): ProtectedResource {
  const authorizationServers = () => ['https://id.example.com'];
  const rest = { authorizationServers, scopes: () => [], groups: () => groups };
  return new ProtectedResource({ publicUrl, port: () => 8000, name: 'shop', ...rest });
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
        expect(resourceOf(publicUrl).names()).toEqual([name]);
        expect(resourceOf(publicUrl).urlFor(host)).toBe(name);
      }),
    );
  });

  it('on loopback are those of its own port', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.webAuthority()), (host) => {
        const resource = resourceOf(undefined);
        expect(resource.names()).toContain(resource.urlFor(host));
      }),
    );
    expect(resourceOf(undefined).urlFor('127.0.0.1:8000')).toBe('http://127.0.0.1:8000/mcp');
    expect(resourceOf(undefined).urlFor('[::1]:8000')).toBe('http://[::1]:8000/mcp');
    expect(resourceOf(undefined).urlFor('127.0.0.1:9000')).toBe('http://localhost:8000/mcp');
  });
});

describe('claims', () => {
  const names = { userId: ['sub'], username: ['preferred_username'] };
  const anyName = fc.constantFrom('sub', 'email', 'scope', 'permissions', 'role', 'a', 'a.b', '__proto__', 'name');

  it('of any form give plain texts, or none', () => {
    fc.assert(
      fc.property(fc.dictionary(anyName, fc.jsonValue()), (claims) => {
        const user = userOfClaims(claims, names, { 'a.b': { x: ['c'] } });
        for (const each of [user.userId, user.username, user.role])
          if (each !== undefined) expect(typeof each).toBe('string');
        const isNamed = ['sub', 'email'].some(
          (name) => typeof claims[name] === 'string' && /^[^@]/s.test(claims[name]),
        );
        if (isNamed) expect(user.username).toBeDefined();
        for (const list of [claimValues(claims, 'scope'), user.permissions, user.capabilities])
          for (const item of list) expect(typeof item).toBe('string');
      }),
    );
  });

  it('that say an address is not proven give neither an address nor a username by it', () => {
    for (const flag of ['email_verified', 'verified_email'])
      expect(
        userOfClaims({ sub: '7', email: 'ceo@example.com', [flag]: false }, { userId: ['sub'], username: ['email'] }),
      )
        // The id is all that is left.
        .toMatchObject({ email: null, username: '7', userId: '7' });
  });
});

describe('the tokens of callers', () => {
  it('are removed from texts while a request has them, and for a while after that', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const scrubber = new Scrubber();
    const hidden = new HiddenTokens(scrubber);
    const [first, second] = [hidden.hold('token-of-ada'), hidden.hold('token-of-ada')];
    expect(scrubber.scrub('failed with token-of-ada')).toBe('failed with [secret]');
    first();
    first();
    vi.advanceTimersByTime(3_600_000);
    expect(scrubber.scrub('token-of-ada')).toBe('[secret]');
    second();
    vi.advanceTimersByTime(59_000);
    expect(scrubber.scrub('token-of-ada')).toBe('[secret]');
    vi.advanceTimersByTime(60_000);
    expect(scrubber.scrub('token-of-ada')).toBe('token-of-ada');
    expect(hidden.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('are forgotten early when there are too many, but never while a request has them', () => {
    const scrubber = new Scrubber();
    const hidden = new HiddenTokens(scrubber);
    onTestFinished(() => hidden.dispose());
    hidden.hold('token-in-use');
    for (let index = 0; index < 2_000; index += 1) hidden.hold(`token-number-${index}`)();
    expect(hidden.size).toBeLessThanOrEqual(501);
    expect(scrubber.scrub('token-in-use')).toBe('[secret]');
    hidden.dispose();
    expect(scrubber.scrub('token-in-use')).toBe('token-in-use');
  });
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
