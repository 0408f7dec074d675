import type { TimeLimit } from '../http/time-limit.js';
import type { ReferenceResolver, ResolvedValue } from '../reference-resolver.js';
import { splitLocator } from './vault-locator.js';
import { readVaultSecret, type VaultSecret } from './vault-reader.js';
import type { VaultSession } from './vault-session.js';

/** `vault://<mount>/<path>#<key>`, for one resolve: however many keys of one path are asked for, it is read once. */
export function createVaultResolver(session: VaultSession, limit: TimeLimit): ReferenceResolver {
  const reads = new Map<string, Promise<VaultSecret>>();
  const read = (path: string): Promise<VaultSecret> => {
    const reading = reads.get(path) ?? readVaultSecret(session, path, limit);
    reads.set(path, reading);
    return reading;
  };
  return {
    scheme: 'vault',
    resolve: async (locator) => {
      const { path, key } = splitLocator(locator);
      return toValue(await read(path), key);
    },
  };
}

function toValue({ data, version, leaseSeconds, isLent, apiPath }: VaultSecret, key: string): ResolvedValue {
  const found = Object.hasOwn(data, key) ? data[key] : undefined;
  if (found === undefined) {
    const keys = Object.keys(data)
      .sort()
      .map((name) => `\`${name}\``)
      .join(', ');
    throw new Error(
      `there is no key \`${key}\` at ${apiPath}; ${keys === '' ? 'it has none' : `its keys are ${keys}`}`,
    );
  }
  if (found === null) throw new Error(`the key \`${key}\` at ${apiPath} is null; give it a value`);
  const value = typeof found === 'string' ? found : JSON.stringify(found);
  return {
    value,
    version,
    source: 'vault',
    leaseSeconds,
    mayChangeEarlier: !isLent,
    ...(value === '' && { warning: `the key is empty` }),
  };
}
