import { z } from 'zod';
import { section, text } from './schema-parts.js';

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
