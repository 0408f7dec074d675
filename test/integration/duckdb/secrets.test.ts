import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Secret } from '../../../src/secrets/index.js';
import type { ExtensionDefinition, SecretDefinition, SecretParameter } from '../../../src/config/index.js';
import type { GenerationDatabase } from '../../../src/duckdb/index.js';
import {
  buildGeneration,
  countDescriptors,
  createFolder,
  createRegistry,
  openDatabase,
  rowsOf,
  specOf,
  valueOf,
} from './temporary-database.js';

function http(name: string, parameters: Readonly<Record<string, SecretParameter>>): SecretDefinition {
  return { name, type: 'http', parameters };
}

function token(name: string, value = 'a-token'): SecretDefinition {
  return http(name, { BEARER_TOKEN: new Secret(value) });
}

async function secretNames(database: GenerationDatabase): Promise<unknown[]> {
  const rows = await rowsOf(database, 'SELECT name FROM duckdb_secrets() ORDER BY name');
  return rows.map(({ name }) => name);
}

/** Generations on one file, one after the other, as reloads make them. */
function createGenerations() {
  const registry = createRegistry();
  const path = join(createFolder(), 'data.duckdb');
  return { path, build: (...secrets: SecretDefinition[]) => buildGeneration(registry, specOf(path, { secrets })) };
}

describe('the secrets of a generation', () => {
  test('are invisible until the commit, and then all at once', async () => {
    const { build } = createGenerations();
    const serving = await build(token('one'));
    await serving.commit();
    const next = await build(token('two'), token('three'));
    expect(await secretNames(serving)).toEqual(['one']);
    expect(await secretNames(next)).toEqual(['one']);
    await next.commit();
    expect(await secretNames(serving)).toEqual(['three', 'two']);
  });

  test('are gone without a trace when it is disposed instead', async () => {
    const { build } = createGenerations();
    const serving = await build(token('one'));
    await serving.commit();
    await (await build(token('two'))).dispose();
    expect(await secretNames(serving)).toEqual(['one']);
    await (await build(token('three'))).commit();
    expect(await secretNames(serving)).toEqual(['three']);
  });

  test('stay when the generation before is disposed', async () => {
    const { build } = createGenerations();
    const first = await build(token('one'));
    await first.commit();
    const second = await build(token('one', 'another-token'));
    await second.commit();
    await first.dispose();
    expect(await secretNames(second)).toEqual(['one']);
  });

  test('replace their former values', async () => {
    const { build } = createGenerations();
    const scopeOf = (database: GenerationDatabase) => valueOf(database, 'SELECT scope FROM duckdb_secrets()');
    const define = (scope: string) => http('api', { BEARER_TOKEN: new Secret('t'), SCOPE: new Secret(scope) });
    const first = await build(define('https://one.example'));
    await first.commit();
    expect(await scopeOf(first)).toEqual(['https://one.example']);
    const second = await build(define('https://two.example'));
    await second.commit();
    expect(await scopeOf(second)).toEqual(['https://two.example']);
  });

  test('that only differ in case are one', async () => {
    const { build } = createGenerations();
    const first = await build(token('Store'));
    await first.commit();
    const second = await build(token('store'));
    await second.commit();
    expect(await secretNames(second)).toEqual(['store']);
    const third = await build();
    await third.commit();
    expect(await secretNames(third)).toEqual([]);
  });

  test('leave those alone that a query created', async () => {
    const { build } = createGenerations();
    const first = await build(token('one'));
    await first.commit();
    await rowsOf(first, "CREATE SECRET mine (TYPE http, BEARER_TOKEN 'x')");
    const second = await build();
    await second.commit();
    expect(await secretNames(second)).toEqual(['mine']);
  });

  test('may hold lists and maps, numbers and truths, quotes and line ends', async () => {
    const { build } = createGenerations();
    const database = await build(
      http('api', {
        BEARER_TOKEN: new Secret('it\'s "quoted"; DROP TABLE t; --\nsecond line'),
        EXTRA_HTTP_HEADERS: { 'X-Key': new Secret("k'ey"), 'X-Number': 5 },
        SCOPE: [new Secret('https://a.example'), new Secret('https://b.example')],
        VERIFY_SSL: true,
      }),
    );
    await database.commit();
    expect(await secretNames(database)).toEqual(['api']);
    expect(await valueOf(database, 'SELECT scope FROM duckdb_secrets()')).toEqual([
      'https://a.example',
      'https://b.example',
    ]);
    expect(JSON.stringify(await rowsOf(database, 'FROM duckdb_secrets()'))).not.toContain('DROP TABLE');
  });

  test('of a type that DuckDB does not know are for endpoint code only', async () => {
    const { build } = createGenerations();
    const database = await build(
      { name: 'api', type: 'python', parameters: { KEY: new Secret('v') } },
      { name: 'other', type: 'my own type', parameters: { KEY: new Secret('v') } },
      { name: 'empty', type: 'http', parameters: {} },
      token('one'),
    );
    await database.commit();
    expect(await secretNames(database)).toEqual(['one']);
  });

  test('are compiled against before they are committed', async () => {
    const { build } = createGenerations();
    const candidate = await build(token('one'));
    expect(await candidate.inspect('SELECT $a')).toMatchObject({ parameterNames: ['a'] });
    await candidate.ping();
    await candidate.commit();
    expect(await candidate.inspect('SELECT $b')).toMatchObject({ parameterNames: ['b'] });
  });

  test('are committed also if a statement cannot be compiled with the samples', async () => {
    const { build } = createGenerations();
    const candidate = await build(token('one'));
    const sql = 'CREATE TABLE made AS SELECT 1 AS a LIMIT $n';
    expect((await candidate.inspect(sql, { n: 'text' })).parameterNames).toEqual(['n']);
    await candidate.commit();
    expect(await secretNames(candidate)).toEqual(['one']);
  });
});

describe('a secret of a type that DuckDB does not know', () => {
  test.each(['n', 'y', 'no', 't', 'f', 'not', 'type', 'Secret', 'custom', "'custom' not found"])(
    'is for code only, with the value %j too',
    async (value) => {
      const { build } = createGenerations();
      const parameters = { API_KEY: new Secret('k-123456'), USE_TLS: new Secret(value) };
      const database = await build({ name: 's', type: 'Custom', parameters }, token('one'));
      await database.commit();
      expect(await secretNames(database)).toEqual(['one']);
    },
  );

  test('is not taken for one that has a message about types as its value', async () => {
    const { build } = createGenerations();
    const value = new Secret("Secret type 'http' not found");
    await expect(build(http('api', { EXTRA_HTTP_HEADERS: value }))).rejects.toMatchObject({ code: 'secret_failed' });
  });
});

describe('a secret that DuckDB refuses', () => {
  const canaries = ['canary-value-0815', 'xq', "x'q", 'line one\nline two', '{[}', 'é€😀'];

  test.each(canaries)('is an error without its value: %j', async (canary) => {
    const { build, path } = createGenerations();
    const wrong: SecretDefinition[] = [
      http('api', { BEARER_TOKEN: new Secret('t'), NO_SUCH_KEY: new Secret(canary) }),
      http('api', { BEARER_TOKEN: new Secret('t'), VERIFY_SSL: new Secret(canary) }),
      http('api', { EXTRA_HTTP_HEADERS: new Secret(canary) }),
      http('api', { BEARER_TOKEN: new Secret('t'), PROVIDER: new Secret(canary) }),
    ];
    for (const definition of wrong) {
      const failure: unknown = await build(definition).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) continue;
      expect(failure).toMatchObject({ code: 'secret_failed', message: expect.stringContaining('"api"') });
      const { message, stack } = failure instanceof Error ? failure : new Error('no error');
      const reported = `${message}\n${String(stack?.split('\n    at ')[0])}`.replaceAll('[secret]', '');
      for (const part of canary.split('\n')) expect(reported.split('of type http:').at(-1)).not.toContain(part);
      expect(failure).not.toHaveProperty('cause');
    }
    expect(countDescriptors(path)).toBe(0);
  });

  test('for a parameter that its type does not have names the parameter', async () => {
    const { build } = createGenerations();
    await expect(build(http('api', { NO_SUCH_KEY: new Secret('v-a-l-u-e') }))).rejects.toMatchObject({
      code: 'secret_failed',
      message: expect.stringMatching(/no_such_key/i),
    });
  });

  test('because its type needs an extension says which', async () => {
    const { build } = createGenerations();
    const s3 = { name: 'store', type: 's3', parameters: { KEY_ID: new Secret('my-key-id') } };
    await expect(build(s3)).rejects.toMatchObject({
      code: 'secret_failed',
      message: expect.stringMatching(/"store" of type s3: it needs the extension httpfs/),
    });
  });

  test('leaves the current generation as it was, and the next build is free', async () => {
    const { build } = createGenerations();
    const serving = await build(token('one'));
    await serving.commit();
    await expect(build(token('two'), http('bad', { NO_SUCH_KEY: new Secret('v') }))).rejects.toThrow();
    expect(await secretNames(serving)).toEqual(['one']);
    await (await build(token('two'))).commit();
    expect(await secretNames(serving)).toEqual(['two']);
  });
});

describe('extensions', () => {
  const named = (...names: string[]): readonly ExtensionDefinition[] => names.map((name) => ({ name }));

  test('that are built in load without network', async () => {
    const database = await openDatabase({ extensions: named('json', 'parquet', 'icu') });
    expect(await valueOf(database, 'SELECT json_extract_string(\'{"a": "b"}\', \'a\')')).toBe('b');
  });

  test('that do not exist are an error that names them', async () => {
    const path = join(createFolder(), 'data.duckdb');
    const spec = specOf(path, { extensions: named('no_such_extension_at_all') });
    await expect(buildGeneration(createRegistry(), spec)).rejects.toMatchObject({
      code: 'extension_failed',
      message: expect.stringContaining('"no_such_extension_at_all"'),
    });
    expect(countDescriptors(path)).toBe(0);
  });

  test.each(['a b', "x'; DROP TABLE t", '../x', ''])('cannot be called %j', async (name) => {
    await expect(openDatabase({ extensions: named(name) })).rejects.toMatchObject({ code: 'extension_failed' });
  });
});
