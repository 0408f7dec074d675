import { describe, expect, it } from 'vitest';
import { hasSensitive, redactArguments, redactSensitive, type TypeDefinition } from '../../../src/values/index.js';

const PERSON: TypeDefinition = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    ssn: { type: 'string', sensitive: true },
    jobs: { type: 'array', items: { type: 'object', properties: { pay: { type: 'number', sensitive: true } } } },
  },
};

describe('what is declared as sensitive', () => {
  it('is found at any depth', () => {
    expect(hasSensitive(PERSON)).toBe(true);
    expect(hasSensitive({ type: 'array', items: { type: 'array', items: PERSON } })).toBe(true);
    expect(hasSensitive({ type: 'object', properties: { a: { type: 'string' } } })).toBe(false);
    expect(hasSensitive(undefined)).toBe(false);
  });

  it('is replaced at any depth, and the given value stays as it is', () => {
    const person = { name: 'Ada', ssn: '1', jobs: [{ pay: 7, at: 'x' }], more: 1 };
    expect(redactSensitive(person, PERSON)).toEqual({
      name: 'Ada',
      ssn: '[redacted]',
      jobs: [{ pay: '[redacted]', at: 'x' }],
      more: 1,
    });
    expect(person.ssn).toBe('1');
  });

  it.each(['{"ssn":"1"}', 7, [{ ssn: '1' }]])('hides a value of another shape as a whole: %j', (value) => {
    expect(redactSensitive(value, PERSON)).toBe('[redacted]');
  });

  it('of arguments includes what is not declared', () => {
    const parameters = [
      { ...PERSON, name: 'person' },
      { name: 'a', type: 'integer' as const },
    ];
    expect(redactArguments({ a: 1, person: { ssn: '1' }, other: 'x' }, parameters)).toEqual({
      a: 1,
      person: { ssn: '[redacted]' },
      other: '[undeclared]',
    });
    expect(redactArguments({ a: 1 }, undefined)).toEqual({ a: '[undeclared]' });
  });
});
