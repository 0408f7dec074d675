import { z } from 'zod';
import { parseDuration } from '../lifecycle/index.js';
import { formatVersion, onepasswordSection, Secret, section, text, vaultSection } from '../secrets/index.js';
import { policiesSchema } from '../policies/index.js';
import type { ServerSettings, SettingName } from '../settings/index.js';
import { isMapping, jsonSchemaOf } from '../yaml/index.js';
import { answersSchema } from './answer-limits.js';
import { authSchema } from './auth-schema.js';
import { groupsSchema } from './groups.js';
import { cacheSchema, iconsSchema } from './presentation.js';
import { rateLimitSchema } from './rate-limit.js';
import { protectSection } from './protection.js';

const description = section({ description: text.optional() });

const extension = z.union([
  text,
  z.strictObject({ name: text, repo: z.enum(['community', 'core_nightly']).optional() }),
]);

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
const identifier = text.regex(IDENTIFIER, 'must be a name of letters, digits and underscores');
/** What the other keys of an attachment say, and what the server itself chooses. */
const OWN_ATTACH_OPTIONS = /^(?:type|secret|meta_secret|read_only|read_write|metadata_catalog)$/i;
const CREDENTIALS = /\b(?:password|passwd)\s*=|:\/\/[^\s/@]*:[^\s/@]*@/i;

const attachment = z
  .strictObject({
    name: identifier,
    type: identifier,
    path: z.string().default(''),
    secret: text.optional(),
    readonly: z.boolean().default(true),
    options: z.record(identifier, z.union([text, z.number(), z.boolean()])).default({}),
  })
  .superRefine(({ name, type, path, readonly, options }, context) => {
    const refuse = (key: readonly string[], message: string) =>
      context.addIssue({ code: 'custom', path: [...key], message });
    if (/^(?:system|temp)$/i.test(name) || name.startsWith('__')) refuse(['name'], 'is reserved; choose another name');
    if (CREDENTIALS.test(path)) refuse(['path'], 'contains a password; put it into a secret and name that in `secret`');
    if (type.toLowerCase() === 'duckdb' && !readonly)
      refuse(['readonly'], 'must be true for a DuckDB file; only the database of the profile can be written');
    for (const option of Object.keys(options))
      if (OWN_ATTACH_OPTIONS.test(option))
        refuse(['options', option], 'cannot be an option; use the keys of the entry');
  });

/** DuckDB ignores case in the names of databases. */
const attachments = z.array(attachment).superRefine((list, context) => {
  for (const [index, { name }] of list.entries()) {
    const first = list.findIndex((other) => other.name.toLowerCase() === name.toLowerCase());
    if (first === index) continue;
    const message = `is also the name of \`attach[${first}]\`; choose another name`;
    context.addIssue({ code: 'custom', path: [index, 'name'], message });
  }
});

const dbt = section({
  enabled: z.boolean().default(true),
  model_paths: z.array(text).default(['models']),
  analysis_paths: z.array(text).default(['analyses']),
  test_paths: z.array(text).default(['tests']),
  seed_paths: z.array(text).default(['seeds']),
  macro_paths: z.array(text).default(['macros']),
  snapshot_paths: z.array(text).default(['snapshots']),
  target_path: text.default('target'),
  clean_targets: z.array(text).default(['target', 'dbt_packages']),
}).meta({ reload: 'restart' });

/** One profile of `mxcp-site.yml`; of an empty mapping, its defaults. */
export const siteProfileSchema = section({
  duckdb: section({
    path: text.optional().meta({ setting: 'duckdbPath' }),
    readonly: z.boolean().default(false).meta({ setting: 'readonly' }),
  }),
  drift: section({ path: text.optional() }),
  audit: section({
    enabled: z.boolean().default(false).meta({ setting: 'auditEnabled' }),
    path: text.optional(),
    max_file_size: z.int().min(1).default(52_428_800),
    durability: z.enum(['sync', 'window']).default('sync'),
    on_failure: z.enum(['stop', 'continue']).default('stop'),
    redact: z.boolean().default(true),
    max_value_size: z.int().min(1024).default(65_536),
    retention_days: z.int().min(1).optional(),
  }),
  rate_limit: rateLimitSchema.optional().meta({ reload: 'live' }),
  protect: protectSection,
});

const websiteUrl = text.refine(
  (value) => /^https?:\/\/\S+$/i.test(value) && URL.canParse(value),
  'must be the `https://` URL of a page about the server',
);

/** `mxcp-site.yml`. It has no references. `KeyMeaning` explains what `.meta()` says of a key. */
export const siteSchema = z.strictObject({
  mxcp: formatVersion('move endpoint files into `tools/`, `resources/` and `prompts/`, then write'),
  project: text,
  title: text.optional(),
  description: text.optional(),
  instructions: text.optional(),
  website_url: websiteUrl.optional(),
  icons: iconsSchema.default([]),
  cache: cacheSchema.default({ ttl: '1m' }),
  profile: text.meta({ setting: 'profile' }),
  secrets: z.array(text).default([]),
  plugin: z.array(z.strictObject({ name: text, module: text, config: text.optional() })).default([]),
  extensions: z.array(extension).default([]),
  attach: attachments.default([]),
  dbt,
  sql_tools: section({
    enabled: z.boolean().default(false).meta({ setting: 'sqlTools' }),
    external_access: z.boolean().default(false),
    allowed_folders: z.array(text).default([]),
    several_statements: z.boolean().default(false),
    policies: policiesSchema.optional(),
    execute_sql_query: description,
    list_tables: description,
    get_table_schema: description,
  }),
  answers: answersSchema.optional().meta({ reload: 'live' }),
  groups: groupsSchema.default({}).meta({ reload: 'live' }),
  paths: section({
    tools: text.default('tools'),
    resources: text.default('resources'),
    prompts: text.default('prompts'),
    evals: text.default('evals'),
    python: text.default('python'),
    plugins: text.default('plugins'),
    sql: text.default('sql'),
    drift: text.default('drift'),
    audit: text.default('audit'),
    data: text.default('data'),
  }),
  profiles: z.record(text, siteProfileSchema).default({}),
});

export type SiteConfig = z.output<typeof siteSchema>;
export type SiteProfile = z.output<typeof siteProfileSchema>;

const secret = z.strictObject({
  name: text,
  type: text,
  parameters: z.record(z.string(), z.unknown()).default({}).meta({ secret: true }),
});

/**
 * DuckDB ignores case in names: it would silently keep only the last of two secrets. A name may be the value of a reference,
 * so the message names the other secret by its position.
 */
const secrets = z.array(secret).superRefine((list, context) => {
  const seen = new Map<string, number>();
  for (const [index, { name }] of list.entries()) {
    const other = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), index);
    if (other === undefined) continue;
    const message =
      list[other]?.name === name
        ? `is also the name of \`secrets[${other}]\`; choose another name`
        : `differs from the name of \`secrets[${other}]\` only in case, which DuckDB ignores; choose another name`;
    context.addIssue({ code: 'custom', path: [index, 'name'], message });
  }
});

const collectorUrl = text.refine(
  (value) => /^https?:\/\//i.test(value) && URL.canParse(value),
  'must be the `http://` or `https://` URL of a collector, without `/v1/traces`',
);

const telemetry = section({
  enabled: z.boolean().default(false).meta({ setting: 'telemetryEnabled' }),
  endpoint: collectorUrl.optional(),
  headers: z.record(z.string(), z.string()).optional().meta({ reload: 'live', secret: true }),
  service_name: text.optional(),
  service_version: text.optional(),
  environment: text.optional(),
  resource_attributes: z.record(z.string(), z.union([text, z.number(), z.boolean()])).default({}),
  tracing: section({
    enabled: z.boolean().default(true),
    console_export: z.boolean().default(false).meta({ setting: 'telemetryTracingConsole' }),
  }),
  metrics: section({
    enabled: z.boolean().default(true),
    export_interval: z.number().min(1).max(86_400).default(60).meta({ setting: 'telemetryMetricsInterval' }),
  }),
  logs: section({ enabled: z.boolean().default(false) }),
});

const MIN_KEY_LENGTH = 32;

/** What replicas share so that each takes the answer to a question that another one has asked. */
const confirmations = z
  .strictObject({
    keys: z
      .array(
        text.min(
          MIN_KEY_LENGTH,
          `must have at least ${MIN_KEY_LENGTH} characters; \`openssl rand -base64 32\` makes one`,
        ),
      )
      .min(1, 'must have at least one key')
      .meta({ reload: 'live', secret: true }),
    folder: text,
  })
  .optional();

/** One profile of a project in the user configuration; of an empty mapping, its defaults. */
export const userProfileSchema = section({
  secrets: secrets.default([]).meta({ reload: 'live' }),
  plugin: section({
    // What plugins are given is mostly how they log in somewhere.
    config: z.record(z.string(), z.record(z.string(), z.string())).default({}).meta({ reload: 'live', secret: true }),
  }),
  auth: authSchema,
  confirmations,
  telemetry,
});

/** As in a `Host` header, which is compared with it literally. */
const hostName = text.refine(
  (value) => /^(?:\[[\da-f:.]+\]|[a-z\d._-]+)(?::\d{1,5})?$/i.test(value),
  'must be a host as requests name it, like `app.example.com` or `app.example.com:8000`; patterns are not supported',
);

const origin = text.refine(
  isOrigin,
  'must be an origin as browsers send it, like `https://app.example.com` or `http://localhost:3000`; patterns are not supported',
);

const publicUrl = text.refine(
  (value) => /^https?:\/\/[^\s?#]+$/i.test(value) && URL.canParse(value),
  'must be the `https://` URL by which clients reach the server, like `https://tools.example.com`',
);

const transport = section({
  provider: z.enum(['streamable-http', 'sse', 'stdio']).default('streamable-http').meta({ setting: 'transport' }),
  http: section({
    port: z.int().min(0).max(65_535).default(8000).meta({ setting: 'port' }),
    host: text.default('localhost').meta({ setting: 'host' }),
    scheme: z.enum(['http', 'https']).default('http'),
    base_url: publicUrl.optional().meta({ setting: 'baseUrl' }),
    trust_proxy: z.boolean().default(false),
    stateless: z.boolean().default(false).meta({ setting: 'stateless' }),
    allowed_hosts: z.array(hostName).default([]),
    allowed_origins: z.array(origin).default([]),
  }),
});

const model = z.strictObject({
  type: z.enum(['claude', 'openai']),
  api_key: text.optional().meta({ secret: true }),
  base_url: text.optional(),
  timeout: z.number().optional(),
  max_retries: z.int().min(0).optional(),
});

const logging = section({
  enabled: z.boolean().default(true),
  path: text.optional(),
  level: z.enum(['DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL']).default('INFO'),
  max_bytes: z.int().min(1).default(10_485_760),
  backup_count: z.int().min(0).default(5),
});

/** More frequent requests would only load the stores. */
const MINIMUM_REFRESH_MS = 1_000;

const interval = z
  .union([text, z.number()])
  .refine((value) => (parseDuration(String(value)) ?? 0) >= MINIMUM_REFRESH_MS, {
    error: 'must be a time of at least 1s, like 30s or 5m (a bare number is seconds)',
  });

/** The user configuration. Any text in it may be a reference. */
export const userSchema = z.strictObject({
  mxcp: formatVersion('check it against the configuration reference, then write'),
  projects: z.record(text, section({ profiles: z.record(text, userProfileSchema).default({}) })).default({}),
  // Each reload asks the stores with their settings of that time.
  vault: vaultSection.meta({ reload: 'live' }),
  onepassword: onepasswordSection.meta({ reload: 'live' }),
  transport,
  models: section({ default: text.optional(), models: z.record(text, model).default({}) }),
  logging,
  reload: section({ refresh: interval.optional().meta({ reload: 'live' }) }),
});

export type UserConfig = z.output<typeof userSchema>;
export type UserProfile = z.output<typeof userProfileSchema>;

/** Browsers leave out the default port of a scheme. Sandboxed pages have the origin `null`. */
function isOrigin(value: string): boolean {
  const plain = value.toLowerCase().replace(/\/$/, '');
  if (!/^https?:/.test(plain)) return plain === 'null' || /^[a-z][a-z\d+.-]*:\/\/[^\s/?#@*]+$/.test(plain);
  return !plain.includes('*') && URL.canParse(plain) && new URL(plain).origin === plain;
}

/** What a key of a configuration file means besides its type, as `.meta({ … })` of its schema says it. */
interface KeyMeaning {
  /** When a change of the key, or of anything below it, takes effect. A key that does not say it needs a restart. */
  readonly reload?: 'live' | 'restart';
  /** The key and everything below it is never printed, whether it came from a reference or not. */
  readonly secret?: true;
  /** The option or variable that overrides the key. */
  readonly setting?: SettingName & keyof ServerSettings;
}

declare module 'zod' {
  interface GlobalMeta extends KeyMeaning {}
}

export interface KeySchema extends KeyMeaning {
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly additionalProperties?: KeySchema | false;
  readonly items?: KeySchema;
}

/** What the schema of a file says of a key: of the whole file, if the path is empty. */
export function keyAt(schema: z.ZodType, path: readonly string[] = []): KeySchema | undefined {
  // zod writes the metadata into the JSON Schema, where defaults and other wrappers are already unwrapped.
  const file = jsonSchemaOf(schema) as KeySchema;
  return path.reduce<KeySchema | undefined>(childOf, file);
}

function childOf(schema: KeySchema | undefined, key: string): KeySchema | undefined {
  const { properties = {}, additionalProperties } = schema ?? {};
  return Object.hasOwn(properties, key) ? properties[key] : additionalProperties || undefined;
}

/** Replaces the values that an option or a variable overrides, at the key and below it. */
export function override<T>(value: T, key: KeySchema | undefined, settings: ServerSettings): T {
  // A setting has the type of the key that it overrides; everything else is copied.
  return overrideBelow(value, key, settings) as T;
}

function overrideBelow(value: unknown, key: KeySchema | undefined, settings: ServerSettings): unknown {
  const given = key?.setting === undefined ? undefined : settings[key.setting];
  if (given !== undefined) return given;
  if (!isMapping(value)) return value;
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    overrideBelow(item, childOf(key, name), settings),
  ]);
  return Object.fromEntries(entries);
}

/** The option or variable that gave the value of a key; undefined if a file or a default did. */
export function overriddenBy(key: KeySchema | undefined, settings: ServerSettings): string | undefined {
  return key?.setting && settings.namedBy[key.setting];
}

/** Collects all texts at and below secret keys, for the scrubber: also literal ones, which Python code can see too. */
export function secretTexts(user: UserConfig): readonly Secret[] {
  return textsIn(user, keyAt(userSchema), false);
}

function textsIn(value: unknown, key: KeySchema | undefined, isBelowSecret: boolean): readonly Secret[] {
  const isSecret = isBelowSecret || key?.secret === true;
  if (typeof value === 'string') return isSecret ? [new Secret(value)] : [];
  if (Array.isArray(value)) return value.flatMap((item) => textsIn(item, key?.items, isSecret));
  if (!isMapping(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => textsIn(item, childOf(key, name), isSecret));
}
