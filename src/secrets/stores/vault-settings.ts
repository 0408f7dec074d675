import { dirname } from 'node:path';
import { fingerprint, resolvePath } from '../../files/index.js';
import { LastingReferenceError } from '../references/reference-resolver.js';
import { Secret } from '../references/secret.js';
import type { TlsIdentity } from './http-peer.js';
import { readNamedFile, type SettingsPlace, type VaultSection } from './store-settings.js';

/** A token that somebody else got, and where it came from, in words. */
interface GivenToken {
  readonly kind: 'given';
  readonly token: Secret;
  readonly from: string;
}

/** What a login sends is read when it logs in, because the files of service accounts change all the time. */
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

/** Without a token of our own: an agent beside us adds its token to what we ask. */
interface NoToken {
  readonly kind: 'none';
  readonly tokenEnv: string;
}

export type VaultLogin = GivenToken | LoginMethod | NoToken;

export interface VaultSettings {
  readonly address: string;
  readonly namespace: string | undefined;
  readonly tls: TlsIdentity;
  readonly login: VaultLogin;
  /** Changes when anything above changes: then the session ends and another one begins. */
  readonly identity: string;
}

/** Where Kubernetes puts the token of the service account. */
const SERVICE_ACCOUNT_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Reads what the `vault` section names. Throws an error that names the key when something is missing or cannot be read. */
export async function loadVaultSettings(section: VaultSection, place: SettingsPlace): Promise<VaultSettings> {
  if (!section.enabled)
    throw new LastingReferenceError('needs Vault, which is not switched on; set `vault.enabled` to true');
  const { address, namespace } = section;
  if (address === undefined)
    throw new LastingReferenceError('needs Vault; set `vault.address`, for example to `${VAULT_ADDR}`');
  const tls = await loadTls(section, place);
  const login = await chooseLogin(section, address, place);
  const known = {
    address,
    namespace,
    tls,
    login: identityOf(login),
  };
  return { address, namespace, tls, login, identity: fingerprint(JSON.stringify(known)) };
}

/** With what a `Secret` hides: another login is another session. It only leaves as a keyed hash. */
function identityOf(login: VaultLogin): unknown {
  if (login.kind === 'given') return [login.from, login.token.reveal()];
  if (login.kind === 'none') return login;
  const text = (part: ValueOrFile | undefined) => part && ('value' in part ? part.value.reveal() : part);
  return { ...login, roleId: text(login.roleId), secretId: text(login.secretId) };
}

async function loadTls(section: VaultSection, place: SettingsPlace): Promise<TlsIdentity> {
  const read = (key: 'ca_cert' | 'client_cert' | 'client_key') =>
    readNamedFile(`vault.${key}`, section[key], place);
  const [ca, cert, key] = await Promise.all([read('ca_cert'), read('client_cert'), read('client_key')]);
  return { ca, cert, key, serverName: section.tls_server_name };
}

async function chooseLogin(
  section: VaultSection,
  address: string,
  place: SettingsPlace,
): Promise<VaultLogin> {
  const method = section.auto_auth?.method;
  if (method === undefined) return tokenOfEnvironment(section.token_env, address, place);
  const { type, config } = method;
  if (type === 'token_file') {
    const text = await readNamedFile(
      'vault.auto_auth.method.config.token_file_path',
      config.token_file_path,
      place,
    );
    const file = config.token_file_path ?? '';
    return { kind: 'given', token: new Secret((text ?? '').trim()), from: file };
  }
  const absolute = (path: string) => resolvePath(dirname(place.configFile), path);
  const jwtFile = type === 'jwt' ? config.path : (config.token_path ?? SERVICE_ACCOUNT_TOKEN);
  const valueOrFile = (value: string | undefined, file: string | undefined): ValueOrFile | undefined => {
    if (value !== undefined) return { value: new Secret(value) };
    return file === undefined ? undefined : { file: absolute(file) };
  };
  return {
    kind: type,
    mountPath: (method.mount_path ?? `auth/${type}`).replace(/^\/+|\/+$/g, ''),
    namespace: method.namespace ?? section.namespace,
    role: config.role,
    jwtFile: type === 'approle' || jwtFile === undefined ? undefined : absolute(jwtFile),
    roleId: valueOrFile(config.role_id, config.role_id_file_path),
    secretId: valueOrFile(config.secret_id, config.secret_id_file_path),
  };
}

function tokenOfEnvironment(tokenEnv: string, address: string, { environment }: SettingsPlace): VaultLogin {
  const value = environment.lookup(tokenEnv)?.value.trim() ?? '';
  if (value !== '') return { kind: 'given', token: new Secret(value), from: tokenEnv };
  // An agent listens on a socket or on this machine, and has logged in for us.
  const isNear = /^unix:|^http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])(?::|\/|$)/.test(address);
  if (isNear) return { kind: 'none', tokenEnv };
  throw new Error(
    `needs a token for Vault: \`${tokenEnv}\` is not set; set it, in an env file or in the environment, or log in with \`vault.auto_auth\``,
  );
}
