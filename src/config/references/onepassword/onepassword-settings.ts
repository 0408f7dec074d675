import type { OnepasswordSection } from '../../schema/store-schemas.js';
import { Secret } from '../../secret.js';
import { fingerprint } from '../fingerprint.js';
import { LastingReferenceError } from '../reference-failure.js';
import { readNamedFile, type SettingsPlace } from '../settings-place.js';

export type OnepasswordSettings = {
  readonly token: Secret;
  /** The variable that holds the token. */
  readonly tokenEnv: string;
  /** Changes when anything else changes: then the session ends and another one begins. */
  readonly identity: string;
} & (
  | { readonly kind: 'connect'; readonly host: string; readonly ca: string | undefined }
  | { readonly kind: 'service-account' }
);

/** Reads what the `onepassword` section names. Throws an error that names what is missing. */
export async function loadOnepasswordSettings(
  section: OnepasswordSection,
  place: SettingsPlace,
): Promise<OnepasswordSettings> {
  if (!section.enabled)
    throw new LastingReferenceError(
      'needs 1Password, which is not switched on; set `onepassword.enabled` to true',
    );
  const { connect_host: host } = section;
  const tokenEnv = host === undefined ? section.token_env : section.connect_token_env;
  const value = place.environment.lookup(tokenEnv)?.value.trim() ?? '';
  if (value === '') throw new Error(missingToken(tokenEnv, host));
  const token = new Secret(value);
  if (host === undefined)
    return {
      kind: 'service-account',
      token,
      tokenEnv,
      identity: fingerprint(JSON.stringify(['account', value])),
    };
  const ca = await readNamedFile('onepassword.ca_cert', section.ca_cert, place);
  return {
    kind: 'connect',
    host,
    ca,
    token,
    tokenEnv,
    identity: fingerprint(JSON.stringify([host, ca, value])),
  };
}

function missingToken(tokenEnv: string, host: string | undefined): string {
  const whose = host === undefined ? 'a service account' : 'the Connect server';
  const orElse = host === undefined ? ', or set `onepassword.connect_host` for a Connect server' : '';
  return `needs a token of ${whose} of 1Password: \`${tokenEnv}\` is not set; set it, in an env file or in the environment${orElse}`;
}
