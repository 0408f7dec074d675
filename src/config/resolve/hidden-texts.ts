import { RELOAD_TABLE } from '../reload-table.js';
import { isMapping } from '../schema/conform.js';
import type { UserConfig } from '../schema/user-schema.js';
import { Secret } from '../secret.js';
import { valuesAt } from './restart-only.js';

/** What plugins are given is mostly how they log in somewhere. */
const PLUGIN_SETTINGS = 'projects.*.profiles.*.plugin.config';

/**
 * The texts that stand where secrets do, besides those of DuckDB: literal ones too, which Python code can see as well as
 * those that came from a reference.
 */
export function hiddenTexts(user: UserConfig): readonly Secret[] {
  const hidden = RELOAD_TABLE.filter(({ file, secret }) => file === 'user' && secret === true);
  return [...hidden.map(({ key }) => key), PLUGIN_SETTINGS].flatMap((key) =>
    [...valuesAt(user, key.split('.'), [])].flatMap(({ value }) => textsIn(value)),
  );
}

function textsIn(value: unknown): readonly Secret[] {
  if (typeof value === 'string') return [new Secret(value)];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isMapping(value) ? Object.values(value).flatMap(textsIn) : [];
}
