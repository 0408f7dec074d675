import { dirname } from 'node:path';
import { fingerprint, resolvePath } from '../../files/index.js';
import { PermanentReferenceError } from '../references/resolve-references.js';
import { Secret } from '../../logging/index.js';
import type { TlsIdentity } from './http-peer.js';
import { readNamedFile, type SettingsPlace, type VaultSection } from './store-settings.js';

/** Credentials are read at each login, because the files of service accounts change all the time. */
export interface LoginMethod {
  readonly kind: 'approle' | 'jwt' | 'kubernetes';
  readonly mountPath: string;
  readonly namespace: string | undefined;
  readonly role: string | undefined;
  /** Absolute. */
  readonly jwtFile: string | undefined;
  readonly roleId: ValueOrFile | undefined;
  readonly secretId: ValueOrFile | undefined;
}

export type ValueOrFile = { readonly value: Secret } | { readonly file: string };

export type VaultLogin =
  | LoginMethod
  /** A configured token, with the name of the variable or file it came from. */
  | { readonly kind: 'given'; readonly token: Secret; readonly from: string }
  /** A local agent adds its own token to our requests. */
  | { readonly kind: 'none'; readonly tokenEnv: string };

export interface VaultSettings {
  readonly address: string;
  readonly namespace: string | undefined;
  readonly tls: TlsIdentity;
  readonly login: VaultLogin;
  /** Changes when anything above does: then the session ends and another one begins. */
  readonly identity: string;
}

/** Where Kubernetes puts the token of the service account. */
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Reads what the `vault` section names. Throws an error that names the key when something is missing or cannot be read. */
export async function loadVaultSettings(section: VaultSection, place: SettingsPlace): Promise<VaultSettings> {
  const { enabled, address, namespace } = section;
  if (!enabled) throw new PermanentReferenceError('Vault is not enabled; set `vault.enabled` to true');
  if (address === undefined)
    throw new PermanentReferenceError(
      'the address of Vault is missing; set `vault.address`, for example to `${VAULT_ADDR}`',
    );
  const read = (key: 'ca_cert' | 'client_cert' | 'client_key') => readNamedFile(`vault.${key}`, section[key], place);
  const [ca, cert, key] = await Promise.all([read('ca_cert'), read('client_cert'), read('client_key')]);
  const settings = {
    address,
    namespace,
    tls: { ca, cert, key, serverName: section.tls_server_name },
    login: await chooseLogin(section, address, place),
  };
  return { ...settings, identity: fingerprint(JSON.stringify(settings, withSecrets)) };
}

/** With the values that a `Secret` hides, so that another login is another session. Only their keyed hash leaves this file. */
function withSecrets(this: unknown, key: string, value: unknown): unknown {
  const original: unknown = Reflect.get(Object(this), key);
  return original instanceof Secret ? original.reveal() : value;
}

async function chooseLogin(
  { auto_auth: autoAuth, namespace, token_env: tokenEnv }: VaultSection,
  address: string,
  place: SettingsPlace,
): Promise<VaultLogin> {
  if (autoAuth === undefined) return tokenOfEnvironment(tokenEnv, address, place);
  const { type, config, ...method } = autoAuth.method;
  if (type === 'token_file') {
    const from = config.token_file_path ?? '';
    const text = await readNamedFile('vault.auto_auth.method.config.token_file_path', from, place);
    return { kind: 'given', token: new Secret((text ?? '').trim()), from };
  }
  const absolute = (path: string): string => resolvePath(dirname(place.configFile), path);
  const valueOrFile = (value: string | undefined, file: string | undefined): ValueOrFile | undefined => {
    if (value !== undefined) return { value: new Secret(value) };
    return file === undefined ? undefined : { file: absolute(file) };
  };
  const jwtFile = type === 'jwt' ? config.path : (config.token_path ?? SERVICE_ACCOUNT_TOKEN);
  return {
    kind: type,
    mountPath: (method.mount_path ?? `auth/${type}`).replace(/^\/+|\/+$/g, ''),
    namespace: method.namespace ?? namespace,
    role: config.role,
    jwtFile: type === 'approle' || jwtFile === undefined ? undefined : absolute(jwtFile),
    roleId: valueOrFile(config.role_id, config.role_id_file_path),
    secretId: valueOrFile(config.secret_id, config.secret_id_file_path),
  };
}

function tokenOfEnvironment(tokenEnv: string, address: string, { environment }: SettingsPlace): VaultLogin {
  const value = environment.lookup(tokenEnv)?.value.trim() ?? '';
  if (value !== '') return { kind: 'given', token: new Secret(value), from: tokenEnv };
  // An agent listens on a socket or on this machine, and logs in for us.
  const isLocal = /^unix:|^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::|\/|$)/.test(address);
  if (isLocal) return { kind: 'none', tokenEnv };
  throw new Error(
    `the token of Vault is missing: set \`${tokenEnv}\` in an env file or in the environment, or log in with \`vault.auto_auth\``,
  );
}
