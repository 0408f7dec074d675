import type { KeyPath } from '../yaml/yaml-source.js';
import { REDACTED, redactValue } from '../redact.js';
import { fingerprint } from '../references/fingerprint.js';
import type { ReferenceUse } from '../references/reference-uses.js';
import { RELOAD_TABLE, type ReloadRow } from '../reload-table.js';
import type { ResolvedConfig } from '../resolved-config.js';
import { isMapping } from '../schema/conform.js';
import { toDotted } from '../schema/check-schema.js';
import type { EffectiveConfig } from './effective-config.js';

/** Every value that the table gives to a restart, with how it prints and what it is compared by. */
export function collectRestartOnly(
  config: EffectiveConfig,
  references: readonly ReferenceUse[],
): ResolvedConfig['restartOnly'] {
  const settings = new Map<string, { display: unknown; identity: string }>();
  for (const row of RELOAD_TABLE) {
    if (row.applies === 'reload') continue;
    const root = row.file === 'site' ? config.site : config.user;
    for (const { path, value } of valuesAt(root, row.key.split('.'), [])) {
      const hidden = value !== undefined && (row.secret === true || isReferenced(row, path, references));
      settings.set(toDotted(path), {
        display: hidden ? REDACTED : redactValue(value),
        identity: fingerprint(JSON.stringify(value ?? null)),
      });
    }
  }
  return settings;
}

/** The values a pattern matches; a key that is left out has the value `undefined`. */
export function* valuesAt(
  value: unknown,
  pattern: readonly string[],
  path: KeyPath,
): Generator<{ path: KeyPath; value: unknown }> {
  const [step, ...rest] = pattern;
  if (step === undefined) {
    yield { path, value };
    return;
  }
  if (!isMapping(value)) return;
  const keys = step === '*' ? Object.keys(value) : [step];
  for (const key of keys) yield* valuesAt(value[key], rest, [...path, key]);
}

function isReferenced(row: ReloadRow, path: KeyPath, references: readonly ReferenceUse[]): boolean {
  return (
    row.file === 'user' && references.some((use) => path.every((step, index) => use.path[index] === step))
  );
}
