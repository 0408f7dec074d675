import { z } from 'zod';
import { parseDuration } from '../lifecycle/index.js';
import { formatVersion, onepasswordSection, section, text, vaultSection } from '../secrets/index.js';

const claimMappings = z.record(z.string(), z.record(z.string(), z.array(z.string()))).optional();

const client = {
  client_id: text,
  client_secret: text,
  callback_path: text.optional(),
  claim_mappings: claimMappings,
};

const oauthClient = z.strictObject({
  ...client,
  scope: text.optional(),
  auth_url: text.optional(),
  token_url: text.optional(),
});

const registeredClient = z.strictObject({
  client_id: text,
  name: text,
  client_secret: text.optional(),
  redirect_uris: z.array(text).default([]),
  grant_types: z.array(z.enum(['authorization_code', 'refresh_token'])).default(['authorization_code']),
  scopes: z.array(text).default([]),
});

/** Who may call. Every key is known, so that a typing error is found even for a provider that this version does not have. */
const authSchema = section({
  mode: z.enum(['issuer', 'verifier']).default('issuer'),
  provider: z
    .enum(['none', 'github', 'atlassian', 'salesforce', 'keycloak', 'google', 'oidc'])
    .default('none'),
  clients: z.array(registeredClient).default([]).meta({ secret: true }),
  github: oauthClient.optional().meta({ secret: true }),
  atlassian: oauthClient.optional().meta({ secret: true }),
  salesforce: oauthClient.optional().meta({ secret: true }),
  google: oauthClient.optional().meta({ secret: true }),
  keycloak: z
    .strictObject({ ...client, realm: text, server_url: text, scope: text.optional() })
    .optional()
    .meta({ secret: true }),
  oidc: z
    .strictObject({
      ...client,
      config_url: text,
      scope: text.optional(),
      audience: text.optional(),
      extra_authorize_params: z.record(z.string(), z.string()).optional(),
      provider_name: text.optional(),
    })
    .optional()
    .meta({ secret: true }),
  authorization: section({ required_scopes: z.array(text).default([]) }),
  persistence: z
    .strictObject({
      type: z.enum(['sqlite']).default('sqlite'),
      path: text.optional(),
      auth_encryption_key: text.optional(),
    })
    .optional()
    .meta({ secret: true }),
});

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

const telemetry = section({
  enabled: z.boolean().default(false).meta({ setting: 'telemetryEnabled' }),
  endpoint: text.optional(),
  headers: z.record(z.string(), z.string()).optional().meta({ secret: true }),
  service_name: text.optional(),
  service_version: text.optional(),
  environment: text.optional(),
  resource_attributes: z.record(z.string(), z.unknown()).optional(),
  tracing: section({ enabled: z.boolean().default(false), console_export: z.boolean().default(false) }),
  metrics: section({ enabled: z.boolean().default(false), export_interval: z.number().min(1).default(60) }),
});

/** One profile of a project in the user configuration; of an empty mapping, its defaults. */
export const userProfileSchema = section({
  secrets: secrets.default([]).meta({ reload: 'live' }),
  plugin: section({
    // What plugins are given is mostly how they log in somewhere.
    config: z
      .record(z.string(), z.record(z.string(), z.string()))
      .default({})
      .meta({ reload: 'live', secret: true }),
  }),
  auth: authSchema,
  telemetry,
});

/** As in a `Host` header, which is compared with it literally. */
const hostName = text.refine(
  (value) => /^(?:\[[\da-f:.]+\]|[a-z\d._-]+)(?::\d{1,5})?$/i.test(value),
  'must be a host as requests name it, like `app.example.com` or `app.example.com:8000`; there are no patterns',
);

const origin = text.refine(
  isOrigin,
  'must be an origin as browsers send it, like `https://app.example.com` or `http://localhost:3000`; there are no patterns',
);

const transport = section({
  provider: z
    .enum(['streamable-http', 'sse', 'stdio'])
    .default('streamable-http')
    .meta({ setting: 'transport' }),
  http: section({
    port: z.int().min(0).max(65_535).default(8000).meta({ setting: 'port' }),
    host: text.default('localhost').meta({ setting: 'host' }),
    scheme: z.enum(['http', 'https']).default('http'),
    base_url: text.optional(),
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
