import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { matchRoute, parseQuery } from '../../../src/admin/admin-router.js';
import { MxcpError, nearestName } from '../../../src/errors/index.js';
import { parseRequestTarget } from '../../../src/http/index.js';

describe('the request target', () => {
  it.each([
    ['/status', '/status', ''],
    ['/reload?wait=1', '/reload', 'wait=1'],
    ['/reload?', '/reload', ''],
    ['/a?b?c', '/a', 'b?c'],
    ['http://localhost/status?x', '/status', 'x'],
    ['HTTP://localhost', '/', ''],
    ['http://localhost?x=1', '/', 'x=1'],
    ['/../config', '/../config', ''],
    ['/%63onfig', '/%63onfig', ''],
  ])('%s', (url, path, search) => {
    expect(parseRequestTarget(url)).toMatchObject({ path, search });
  });

  it.each(['*', '', 'https://localhost/status', 'localhost:80', 'ftp://x/'])('%j is none', (url) => {
    expect(parseRequestTarget(url)).toBeUndefined();
  });
});

describe('finding the route', () => {
  it.each(['/../health', '/%68ealth', '/health/', '//health', '/HEALTH', '/reloads/', '/reloads/a/b', '/health#x'])(
    '%s is not a route: nothing is normalised',
    (path) => {
      expect(() => matchRoute('GET', path, 'full')).toThrow(expect.objectContaining({ code: 'route_not_found' }));
    },
  );

  it('any method and path is a route or one of the refusals', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.constantFrom('full', 'probe'), (method, path, access) => {
        try {
          matchRoute(method, `/${path}`, access);
        } catch (error) {
          expect(error).toBeInstanceOf(MxcpError);
          expect(['route_not_found', 'read_only_socket', 'method_not_allowed']).toContain((error as MxcpError).code);
        }
      }),
    );
  });
});

describe('query options', () => {
  const schema = z.strictObject({ wait: z.string().optional() });

  it('are decoded as forms are', () => {
    expect(parseQuery(schema, 'wait=30%20s')).toEqual({ wait: '30 s' });
    expect(parseQuery(schema, '')).toEqual({});
  });

  it.each(['__proto__=1', 'constructor=1', 'toString=1', 'wait=1&wait=1'])('%s is refused', (search) => {
    expect(() => parseQuery(schema, search)).toThrow(expect.objectContaining({ code: 'bad_request' }));
  });

  it('any text is options or a refusal', () => {
    fc.assert(
      fc.property(fc.string(), (search) => {
        try {
          parseQuery(schema, search);
        } catch (error) {
          expect(error).toMatchObject({ code: 'bad_request' });
        }
      }),
    );
  });
});

describe('the nearest name', () => {
  it.each([
    ['wiat', 'wait'],
    ['dryrun', 'dry_run'],
    ['WAIT', 'wait'],
    ['definition', 'definitions'],
  ])('of %s is %s', (given, expected) => {
    expect(nearestName(given, ['wait', 'dry_run', 'definitions', 'force'])).toBe(expected);
  });

  it('is none when nothing is close, or nothing is known', () => {
    expect(nearestName('colour', ['wait', 'force'])).toBeUndefined();
    expect(nearestName('x'.repeat(100_000), ['wait'])).toBeUndefined();
    expect(nearestName('wait', [])).toBeUndefined();
  });
});
