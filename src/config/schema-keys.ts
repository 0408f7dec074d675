import type { z } from 'zod';
import { fingerprint } from '../files/index.js';
import { type ReferenceUse, Secret } from '../secrets/index.js';
import type { ServerSettings, SettingName } from '../settings/index.js';
import { isMapping, jsonSchemaOf, type KeyPath, toDotted } from '../yaml/index.js';
import { type SiteConfig, siteSchema } from './site-schema.js';
import { type UserConfig, userSchema } from './user-schema.js';

/** What a key of a configuration file means besides its type, as `.meta({ … })` of its schema says it. */
interface KeyMeaning {
  /** When a change of the key, or of anything below it, takes effect. A key that does not say it needs a restart. */
  readonly reload?: 'live' | 'restart';
  /** The key and everything below it is never printed, whether it came from a reference or not. */
  readonly secret?: true;
  /** The option or variable that overrides the key. */
  readonly setting?: SettingName & keyof ServerSettings;
}

declare module 'zod' {
  interface GlobalMeta extends KeyMeaning {}
}

interface KeySchema extends KeyMeaning {
  readonly properties?: Readonly<Record<string, KeySchema>>;
  readonly additionalProperties?: KeySchema | false;
  readonly items?: KeySchema;
}

/** What the schema of a file says of a key: of the whole file, if the path is empty. */
export function keyAt(schema: z.ZodType, path: readonly string[] = []): KeySchema | undefined {
  // zod writes the metadata into the JSON Schema, where defaults and other wrappers are already unwrapped.
  const file = jsonSchemaOf(schema) as KeySchema;
  return path.reduce<KeySchema | undefined>(childOf, file);
}

function childOf(schema: KeySchema | undefined, key: string): KeySchema | undefined {
  const { properties = {}, additionalProperties } = schema ?? {};
  return Object.hasOwn(properties, key) ? properties[key] : additionalProperties || undefined;
}

/** Replaces the values that an option or a variable overrides, at the key and below it. */
export function override<T>(value: T, key: KeySchema | undefined, settings: ServerSettings): T {
  // A setting has the type of the key that it overrides; everything else is copied.
  return overrideBelow(value, key, settings) as T;
}

function overrideBelow(value: unknown, key: KeySchema | undefined, settings: ServerSettings): unknown {
  const given = key?.setting === undefined ? undefined : settings[key.setting];
  if (given !== undefined) return given;
  if (!isMapping(value)) return value;
  const entries = Object.entries(value).map(([name, item]) => [
    name,
    overrideBelow(item, childOf(key, name), settings),
  ]);
  return Object.fromEntries(entries);
}

/** The option or variable that gave the value of a key; undefined if a file or a default did. */
export function overriddenBy(key: KeySchema | undefined, settings: ServerSettings): string | undefined {
  return key?.setting && settings.namedBy[key.setting];
}

/** Collects all texts at and below secret keys, for the scrubber: also literal ones, which Python code can see too. */
export function secretTexts(user: UserConfig): readonly Secret[] {
  return textsIn(user, keyAt(userSchema), false);
}

function textsIn(value: unknown, key: KeySchema | undefined, isBelowSecret: boolean): readonly Secret[] {
  const isSecret = isBelowSecret || key?.secret === true;
  if (typeof value === 'string') return isSecret ? [new Secret(value)] : [];
  if (Array.isArray(value)) return value.flatMap((item) => textsIn(item, key?.items, isSecret));
  if (!isMapping(value)) return [];
  return Object.entries(value).flatMap(([name, item]) => textsIn(item, childOf(key, name), isSecret));
}

/** When a change of a key takes effect. The references in a value follow the row of their key. */
export interface ReloadRow {
  /** `*` is any name. A row covers everything below its path. */
  readonly path: readonly string[];
  readonly file: 'site' | 'user';
  readonly reload: 'live' | 'restart';
  readonly isSecret: boolean;
}

/** Lists every key of the two files: a key whose schema says something of a reload or of secrecy is one row. */
export function reloadTable(): readonly ReloadRow[] {
  return [...rowsBelow(keyAt(siteSchema), 'site', []), ...rowsBelow(keyAt(userSchema), 'user', [])];
}

function* rowsBelow(
  key: KeySchema = {},
  file: ReloadRow['file'],
  path: readonly string[],
): Generator<ReloadRow> {
  const children = Object.entries(key.properties ?? {});
  // Named sections are listed by their keys, named single values are not.
  if (key.additionalProperties && key.additionalProperties.properties !== undefined)
    children.push(['*', key.additionalProperties]);
  if (key.reload !== undefined || key.secret === true || children.length === 0)
    yield { path, file, reload: key.reload ?? 'restart', isSecret: key.secret === true };
  else for (const [name, child] of children) yield* rowsBelow(child, file, [...path, name]);
}

/** A setting that only a restart applies. */
export interface RestartOnlySetting {
  /** As reports print it: a secret, or a value that came from a reference, is `[secret]`. */
  readonly display: unknown;
  /** A keyed hash for comparison, so that a change behind `[secret]` is still detected. */
  readonly identity: string;
}

/** Collects, by dotted path, the values that only a restart applies. */
export function collectRestartOnly(
  config: { readonly site: SiteConfig; readonly user: UserConfig },
  references: readonly ReferenceUse[],
): ReadonlyMap<string, RestartOnlySetting> {
  const settings = new Map<string, RestartOnlySetting>();
  for (const row of reloadTable().filter(({ reload }) => reload === 'restart')) {
    for (const { path, value } of valuesAt(config[row.file], row.path, [])) {
      const isReferenced =
        row.file === 'user' &&
        references.some((use) => path.every((step, index) => use.path[index] === step));
      const isHidden = value !== undefined && (row.isSecret || isReferenced);
      settings.set(toDotted(path), {
        display: isHidden ? REDACTED : redactValue(value),
        identity: fingerprint(JSON.stringify(value ?? null)),
      });
    }
  }
  return settings;
}

/** The values that match a pattern; an absent key has the value `undefined`. */
function* valuesAt(
  value: unknown,
  [step, ...rest]: readonly string[],
  path: KeyPath,
): Generator<{ path: KeyPath; value: unknown }> {
  if (step === undefined) {
    yield { path, value };
  } else if (isMapping(value)) {
    const keys = step === '*' ? Object.keys(value) : [step];
    for (const key of keys) yield* valuesAt(value[key], rest, [...path, key]);
  }
}

const REDACTED = '[secret]';

/** Replaces credentials in URLs and tokens in connection strings; the rest stays readable. */
export function redactText(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, `$1${REDACTED}@`)
    .replace(
      /([?&;\s][\w.-]*(?:token|password|passwd|pwd|secret|key|signature|sig)=)[^&;\s]*/gi,
      `$1${REDACTED}`,
    );
}

/** Redacts all texts in a literal value. Values that came from a reference are not printed at all. */
function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (!isMapping(value)) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item)]));
}
