import { dirname } from 'node:path';
import { z } from 'zod';
import { clip } from '../../errors/index.js';
import { FileReadError, resolvePath, type TextReader } from '../../files/index.js';
import type { EnvironmentView } from '../references/environment.js';

/** Text that is there: empty text in a configuration is always a slip. */
export const text = z.string().min(1);

/** A mapping with known keys; left out or empty, it is all defaults. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape).prefault({} as z.input<z.ZodObject<Shape, z.core.$strict>>);
}

/** `mxcp: 1`. Text instead of the number identifies older projects. */
export function formatVersion(verb: string) {
  return z
    .literal(1, {
      error: (issue) =>
        typeof issue.input === 'string'
          ? `is text, as projects of an older format have it; ${verb} \`mxcp: 1\` without quotes`
          : `must be 1, the only version of the format, not ${clip(JSON.stringify(issue.input), 100)}`,
    })
    .default(1);
}

/** `https://host:port`, or the socket of a Vault agent. It is shown, so it must not contain credentials. */
const address = text.superRefine((value, context) => {
  const message = judgeAddress(value, ['http', 'https', 'unix']);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const connectHost = text.superRefine((value, context) => {
  const message = judgeAddress(value, ['http', 'https']);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

/** Paths and names are shown in errors: a token or a key that was put in their place by mistake must not be. */
const filePath = text.refine(
  (value) => !/[\r\n]/.test(value) && (value.includes('/') || value.length <= 24 || /\.\w{1,8}$/.test(value)),
  'must be the path of a file, not its content; write ./NAME for a file with such a name',
);
const variableName = text.refine(
  (value) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(value),
  'must be the name of an environment variable, not its value',
);

const loginConfig = section({
  role_id: text.optional(),
  role_id_file_path: filePath.optional(),
  secret_id: text.optional(),
  secret_id_file_path: filePath.optional(),
  role: text.optional(),
  path: filePath.optional(),
  token_path: filePath.optional(),
  token_file_path: filePath.optional(),
});

type LoginConfig = z.output<typeof loginConfig>;
type LoginKey = keyof LoginConfig;

/** Per method: what it needs, each group one of, and what it may have besides. */
const LOGIN_KEYS: Readonly<Record<string, { needs: readonly LoginKey[][]; may: readonly LoginKey[] }>> = {
  approle: { needs: [['role_id_file_path', 'role_id']], may: ['secret_id_file_path', 'secret_id'] },
  jwt: { needs: [['role'], ['path']], may: [] },
  kubernetes: { needs: [['role']], may: ['token_path'] },
  token_file: { needs: [['token_file_path']], may: [] },
};

const loginMethod = z
  .strictObject({
    type: z.enum(['approle', 'jwt', 'kubernetes', 'token_file']),
    mount_path: text.optional(),
    namespace: text.optional(),
    config: loginConfig,
  })
  .superRefine(({ type, config }, context) => {
    for (const { key, message } of judgeLogin(type, config))
      context.addIssue({ code: 'custom', path: ['config', key], message });
  });

/** Keys as in the configuration of Vault's own agent, so that what is known there is known here. */
export const vaultSection = section({
  enabled: z.boolean().default(false),
  address: address.optional(),
  namespace: text.optional(),
  ca_cert: filePath.optional(),
  client_cert: filePath.optional(),
  client_key: filePath.optional(),
  tls_server_name: text.optional(),
  token_env: variableName.default('VAULT_TOKEN'),
  auto_auth: z.strictObject({ method: loginMethod }).optional(),
});

export const onepasswordSection = section({
  enabled: z.boolean().default(false),
  token_env: variableName.default('OP_SERVICE_ACCOUNT_TOKEN'),
  connect_host: connectHost.optional(),
  connect_token_env: variableName.default('OP_CONNECT_TOKEN'),
  ca_cert: filePath.optional(),
});

/** Both, to be checked before the rest of the file can be. */
export const storeSections = z.strictObject({ vault: vaultSection, onepassword: onepasswordSection });

export type VaultSection = z.output<typeof vaultSection>;
export type OnepasswordSection = z.output<typeof onepasswordSection>;

function judgeAddress(value: string, schemes: readonly string[]): string | undefined {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/s.exec(value) ?? [];
  if (!schemes.includes(scheme)) return `must begin with ${schemes.map((name) => `\`${name}://\``).join(', ')}`;
  if (scheme === 'unix') return rest.startsWith('/') ? undefined : 'must be `unix://` and an absolute path';
  if (!URL.canParse(value)) return 'is not an address';
  const { username, password, search, hash } = new URL(value);
  if (username !== '' || password !== '') return 'must not hold a user or a password; use the keys for the login';
  return search === '' && hash === '' ? undefined : 'must not contain a query (`?`) or a fragment (`#`)';
}

function judgeLogin(type: string, config: LoginConfig): readonly { key: LoginKey; message: string }[] {
  const { needs = [], may = [] } = LOGIN_KEYS[type] ?? {};
  const missing = needs
    .filter((group) => group.every((key) => config[key] === undefined))
    .flatMap(([key]) => (key === undefined ? [] : [{ key, message: `is required by \`${type}\`` }]));
  const known = [...needs.flat(), ...may];
  // The keys of a parsed mapping are those of its schema.
  const foreign = (Object.keys(config) as LoginKey[])
    .filter((key) => config[key] !== undefined && !known.includes(key))
    .map((key) => ({ key, message: `is not used by \`${type}\` logins, which accept ${known.join(', ')}` }));
  return [...missing, ...foreign];
}

/** What the settings of a store are read with. */
export interface SettingsPlace {
  readonly environment: EnvironmentView;
  /** The user configuration: relative paths begin at its folder. */
  readonly configFile: string;
  readonly signal: AbortSignal;
  readonly read: TextReader;
}

const MAX_FILE_BYTES = 1024 * 1024;

/** The text of a file that the setting `key` names. Throws an error that names the key and the file. */
export async function readNamedFile(
  key: string,
  path: string | undefined,
  { configFile, signal, read }: SettingsPlace,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const file = resolvePath(dirname(configFile), path);
  try {
    return await read(file, { maxBytes: MAX_FILE_BYTES, signal });
  } catch (error) {
    if (!(error instanceof FileReadError)) throw error;
    throw new Error(`\`${key}\`: the file ${file} ${error.message}`, { cause: error });
  }
}
