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

/** Who may call. Known key by key, so that a slip is told even where the provider itself is not built yet. */
export const authSchema = section({
  mode: z.enum(['issuer', 'verifier']).default('issuer'),
  provider: z
    .enum(['none', 'github', 'atlassian', 'salesforce', 'keycloak', 'google', 'oidc'])
    .default('none'),
  clients: z.array(registeredClient).default([]),
  github: oauthClient.optional(),
  atlassian: oauthClient.optional(),
  salesforce: oauthClient.optional(),
  google: oauthClient.optional(),
  keycloak: z.strictObject({ ...client, realm: text, server_url: text, scope: text.optional() }).optional(),
  oidc: z
    .strictObject({
      ...client,
      config_url: text,
      scope: text.optional(),
      audience: text.optional(),
      extra_authorize_params: z.record(z.string(), z.string()).optional(),
      provider_name: text.optional(),
    })
    .optional(),
  authorization: section({ required_scopes: z.array(text).default([]) }),
  persistence: z
    .strictObject({
      type: z.enum(['sqlite']).default('sqlite'),
      path: text.optional(),
      auth_encryption_key: text.optional(),
    })
    .optional(),
});

const secret = z.strictObject({
  name: text,
  type: text,
  parameters: z.record(z.string(), z.unknown()).default({}),
});

/**
 * DuckDB does not tell upper from lower case in names: it would keep the last of two secrets and say nothing. A name may have
 * come from a reference, so the other one is told by its place.
 */
const secrets = z.array(secret).superRefine((list, context) => {
  const seen = new Map<string, number>();
  for (const [index, { name }] of list.entries()) {
    const other = seen.get(name.toLowerCase());
    seen.set(name.toLowerCase(), index);
    if (other === undefined) continue;
    const message =
      list[other]?.name === name
        ? `is the name of \`secrets[${other}]\` too; give it its own`
        : `differs from the name of \`secrets[${other}]\` only in upper and lower case, which DuckDB does not tell apart; give it another`;
    context.addIssue({ code: 'custom', path: [index, 'name'], message });
  }
});

const telemetry = section({
  enabled: z.boolean().default(false),
  endpoint: text.optional(),
  headers: z.record(z.string(), z.string()).optional(),
  service_name: text.optional(),
  service_version: text.optional(),
  environment: text.optional(),
  resource_attributes: z.record(z.string(), z.unknown()).optional(),
  tracing: section({ enabled: z.boolean().default(false), console_export: z.boolean().default(false) }),
  metrics: section({ enabled: z.boolean().default(false), export_interval: z.number().min(1).default(60) }),
});

const userProfile = section({
  secrets: secrets.default([]),
  plugin: section({ config: z.record(z.string(), z.record(z.string(), z.string())).default({}) }),
  auth: authSchema,
  telemetry,
});

/** As a `Host` header has it. Nothing else is ever equal to one. */
const hostName = text.refine(
  (value) => /^(?:\[[\da-f:.]+\]|[a-z\d._-]+)(?::\d{1,5})?$/i.test(value),
  'must be a host as requests name it, like `app.example.com` or `app.example.com:8000`; there are no patterns',
);

const origin = text.refine(
  isOrigin,
  'must be an origin as browsers send it, like `https://app.example.com` or `http://localhost:3000`; there are no patterns',
);

const transport = section({
  provider: z.enum(['streamable-http', 'sse', 'stdio']).default('streamable-http'),
  http: section({
    port: z.int().min(0).max(65_535).default(8000),
    host: text.default('localhost'),
    scheme: z.enum(['http', 'https']).default('http'),
    base_url: text.optional(),
    trust_proxy: z.boolean().default(false),
    stateless: z.boolean().default(false),
    allowed_hosts: z.array(hostName).default([]),
    allowed_origins: z.array(origin).default([]),
  }),
});

const model = z.strictObject({
  type: z.enum(['claude', 'openai']),
  api_key: text.optional(),
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

/** More often than this only costs a store its peace. */
const MINIMUM_REFRESH_MS = 1_000;

const interval = z
  .union([text, z.number()])
  .refine((value) => (parseDuration(String(value)) ?? 0) >= MINIMUM_REFRESH_MS, {
    error: 'must be a time of at least 1s, like 30s or 5m (a bare number is seconds)',
  });

/** The user configuration. Any text in it may be a reference. */
export const userSchema = z.strictObject({
  mxcp: formatVersion('check it against the configuration reference, then write'),
  projects: z.record(text, section({ profiles: z.record(text, userProfile).default({}) })).default({}),
  vault: vaultSection,
  onepassword: onepasswordSection,
  transport,
  models: section({ default: text.optional(), models: z.record(text, model).default({}) }),
  logging,
  reload: section({ refresh: interval.optional() }),
});

export type UserConfig = z.output<typeof userSchema>;
export type UserProfile = z.output<typeof userProfile>;
export const defaultUserProfile = (): UserProfile => userProfile.parse({});

/** A browser leaves out the port that a scheme has anyway. Pages in a sandbox have the origin `null`. */
function isOrigin(value: string): boolean {
  const plain = value.toLowerCase().replace(/\/$/, '');
  if (!/^https?:/.test(plain)) return plain === 'null' || /^[a-z][a-z\d+.-]*:\/\/[^\s/?#@*]+$/.test(plain);
  return !plain.includes('*') && URL.canParse(plain) && new URL(plain).origin === plain;
}
