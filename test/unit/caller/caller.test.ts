import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ANONYMOUS, toCaller, toUserContext } from '../../../src/caller/index.js';

describe('a user context', () => {
  it('without anything that names a user or a right is the anonymous caller', () => {
    expect(toCaller({})).toEqual(ANONYMOUS);
    expect(toCaller({ username: 7, permissions: 'all', raw_profile: [1], capabilities: [] })).toEqual(ANONYMOUS);
  });

  it('has the role "user" unless it says another', () => {
    expect(toCaller({ username: 'ada' })).toEqual({ ...ANONYMOUS, username: 'ada', role: 'user' });
    expect(toCaller({ username: 'ada', role: 'admin' }).role).toBe('admin');
    expect(toCaller({ permissions: ['read', 7] })).toEqual({ ...ANONYMOUS, permissions: ['read'], role: 'user' });
  });

  it('describes every caller completely, except for the headers of the request', () => {
    const text = fc.option(fc.string());
    const list = fc.array(fc.string(), { maxLength: 3 });
    const callers = fc.record({
      userId: text,
      username: text,
      email: text,
      name: text,
      provider: text,
      role: fc.string(),
      permissions: list,
      capabilities: list,
      scopes: list,
      externalToken: text,
      profile: fc.option(fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true })),
    });
    fc.assert(fc.property(callers, (caller) => void expect(toCaller(toUserContext(caller))).toEqual(caller)));
  });
});
