import { describe, expect, it } from 'vitest';
import { reloadTable } from '../../../src/config/reload-effects.js';
import { jsonSchemaOf, type JsonSchema } from '../../../src/yaml/schema-check.js';
import { siteSchema } from '../../../src/config/schema.js';
import { userSchema } from '../../../src/config/schema.js';

/** Every path down to where a value, a list or free names begin. */
function* leaves(schema: JsonSchema, path: string): Generator<string> {
  const children = Object.entries(schema.properties ?? {});
  const named = schema.additionalProperties;
  const isSection = typeof named === 'object' && named.type === 'object' && named.properties !== undefined;
  if (children.length === 0 && !isSection) {
    yield path;
    return;
  }
  for (const [key, child] of children) yield* leaves(child, path === '' ? key : `${path}.${key}`);
  if (isSection) yield* leaves(named, `${path}.*`);
}

describe.each([
  ['site', siteSchema],
  ['user', userSchema],
] as const)('the reload table for the %s file', (file, schema) => {
  const keys = [...leaves(jsonSchemaOf(schema), '')];
  const rows = reloadTable()
    .filter((row) => row.file === file)
    .map((row) => row.path.join('.'));

  it('has exactly one row for every key', () => {
    const covering = keys.map((key) => [key, rows.filter((row) => key === row || key.startsWith(`${row}.`))]);
    expect(covering.filter(([, found]) => found?.length !== 1)).toEqual([]);
  });

  it('has no row for a key that does not exist', () => {
    const unknown = rows.filter((row) => !keys.some((key) => key === row || key.startsWith(`${row}.`)));
    expect(unknown).toEqual([]);
  });

  it('names no key twice', () => {
    expect(new Set(rows).size).toBe(rows.length);
  });
});

it('lets a reload apply the limits of answers, groups, rate limits, rules for rows, secrets, also those of authentication, their stores, plugin configuration, headers of telemetry and how often it happens by itself, and nothing else', () => {
  const applied = reloadTable()
    .filter((row) => row.reload === 'live')
    .map((row) => row.path.join('.'));
  expect(applied).toEqual([
    'answers',
    'groups',
    'profiles.*.rate_limit',
    'profiles.*.protect',
    'projects.*.profiles.*.secrets',
    'projects.*.profiles.*.plugin.config',
    'projects.*.profiles.*.auth.clients',
    ...['github', 'atlassian', 'salesforce', 'google', 'keycloak', 'oidc'].map(
      (provider) => `projects.*.profiles.*.auth.${provider}.client_secret`,
    ),
    'projects.*.profiles.*.auth.static.tokens',
    'projects.*.profiles.*.auth.proxy.shared_secret',
    'projects.*.profiles.*.auth.persistence.auth_encryption_key',
    'projects.*.profiles.*.confirmations.keys',
    'projects.*.profiles.*.telemetry.headers',
    'vault',
    'onepassword',
    'reload.refresh',
  ]);
});
