import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/secrets/index.js';
import type { SecretParameter } from '../../../src/config/index.js';
import {
  isForDuckDB,
  toCreateSecret,
  toDropSecret,
  redactValues,
} from '../../../src/duckdb/database/secret-staging.js';

function define(parameters: Readonly<Record<string, SecretParameter>>, name = 'store', type = 's3') {
  return { name, type, parameters };
}

describe('the statement that creates a secret', () => {
  test('names its values and binds them', () => {
    const statement = toCreateSecret(define({ KEY_ID: new Secret('my-id'), SECRET: new Secret('my-key') }));
    expect(statement).toEqual({
      sql: 'CREATE OR REPLACE TEMPORARY SECRET "store" (TYPE s3, KEY_ID $p0, SECRET $p1)',
      values: { p0: 'my-id', p1: 'my-key' },
    });
  });

  test('binds numbers and truths too, and keeps lists and maps what they are', () => {
    const statement = toCreateSecret(
      define({
        USE_SSL: true,
        PORT: 9000,
        SCOPE: [new Secret('s3://a'), new Secret('s3://b')],
        EXTRA_HTTP_HEADERS: { 'X-Token': new Secret('t') },
      }),
    );
    expect(statement.sql).toBe(
      'CREATE OR REPLACE TEMPORARY SECRET "store" (TYPE s3, USE_SSL $p0, PORT $p1, SCOPE [$p2, $p3], EXTRA_HTTP_HEADERS MAP {$p4: $p5})',
    );
    expect(Object.values(statement.values)).toEqual(['true', '9000', 's3://a', 's3://b', 'X-Token', 't']);
  });

  test('contains nothing of a value, whatever the value', () => {
    const leaf = fc.string({ minLength: 3 }).map((text) => `»${text}«`);
    const parameter = fc.letrec<{ tree: SecretParameter }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        leaf.map((text): SecretParameter => new Secret(text)),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(leaf, tie('tree'), { maxKeys: 3 }),
      ),
    })).tree;
    fc.assert(
      fc.property(parameter, (value) => {
        const { sql } = toCreateSecret(define({ KEY: value }));
        expect(sql).not.toMatch(/[»«]/);
      }),
    );
  });

  test('quotes its name', () => {
    const { sql } = toCreateSecret(define({ KEY: new Secret('v') }, 'a"); DROP TABLE t; --'));
    expect(sql).toBe('CREATE OR REPLACE TEMPORARY SECRET "a""); DROP TABLE t; --" (TYPE s3, KEY $p0)');
    expect(toDropSecret('a"b')).toBe('DROP TEMPORARY SECRET IF EXISTS "a""b"');
  });

  test.each(['KEY) --', 'a b', '1st', '', 'ключ'])('refuses %j as the name of a parameter', (key) => {
    expect(() => toCreateSecret(define({ [key]: new Secret('v') }))).toThrow(
      expect.objectContaining({ code: 'secret_failed' }),
    );
  });
});

describe('a secret is for DuckDB', () => {
  test.each([
    ['s3', { KEY: new Secret('v') }, true],
    ['my-api', { KEY: new Secret('v') }, false],
    ['s3, KEY x', { KEY: new Secret('v') }, false],
    ['python', {}, false],
  ])('when its type %j and parameters allow it', (type, parameters, expected) => {
    expect(isForDuckDB(define(parameters, 'store', type))).toBe(expected);
  });
});

describe('an error without values', () => {
  test('has none left where DuckDB quotes or lists values, however short', () => {
    const statement = { sql: '', values: { p0: 'x', p1: 'hunter2', p2: '', p3: 'it' } };
    expect(redactValues('no cast of "hunter2", \'x\', [x, it] and {x=it} to hunter2', statement)).toBe(
      'no cast of "[secret]", \'[secret]\', [[secret], [secret]] and {[secret]=[secret]} to [secret]',
    );
  });

  test.each(['n', 't', 'no', 'not', 'type', 'Input', 'found'])('keeps its words although a value is %j', (value) => {
    const message = "Invalid Input Error: Secret provider 'x' not found for type 'http'";
    expect(redactValues(message, { sql: '', values: { p0: value } })).toBe(message);
  });

  test('takes the longest value first, and finds none within its own replacement', () => {
    const statement = { sql: '', values: { p0: 'sec', p1: 'secret-one', p2: 'e' } };
    expect(redactValues('bad: secret-one', statement)).toBe('bad: [secret]');
  });

  test('takes no character of a value for a pattern', () => {
    const statement = { sql: '', values: { p0: '.*', p1: '$&(+?.{' } };
    expect(redactValues("a '.*' b $&(+?.{ c", statement)).toBe("a '[secret]' b [secret] c");
  });

  test('keeps a message that quotes nothing', () => {
    expect(redactValues('no such type', { sql: '', values: {} })).toBe('no such type');
  });
});
