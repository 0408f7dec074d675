import { fingerprint } from '../files/index.js';
import {
  failedReferences,
  type ReferenceUse,
  resolvedDespite,
  type ResolvedReference,
  Secret,
} from '../secrets/index.js';
import { isMapping, type KeyPath, toDotted } from '../yaml/index.js';
import type { EffectiveConfig } from './effective-config.js';
import type { ResolvedConfig } from './resolved-config.js';
import type { UserConfig } from './user-schema.js';

/** When a change of a key in a file takes effect. */
export interface ReloadRow {
  /** Dotted path in its file; `*` stands for any name. A row covers everything below it. */
  readonly key: string;
  readonly file: 'site' | 'user';
  readonly applies: 'reload' | 'restart';
  /** Never printed, whether it came from a reference or not. */
  readonly secret?: true;
}

const PROFILE = 'projects.*.profiles.*';

/** The next reload asks the stores with the settings that are there then. */
const STORE_KEYS = [
  'vault.enabled',
  'vault.address',
  'vault.namespace',
  'vault.ca_cert',
  'vault.client_cert',
  'vault.client_key',
  'vault.tls_server_name',
  'vault.token_env',
  'vault.auto_auth',
  'onepassword.enabled',
  'onepassword.token_env',
  'onepassword.connect_host',
  'onepassword.connect_token_env',
  'onepassword.ca_cert',
];

/** A row for every key of the two files. The references in a value follow the row of their key. */
export const RELOAD_TABLE: readonly ReloadRow[] = [
  ...rows('site', 'restart', [
    'mxcp',
    'project',
    'profile',
    'secrets',
    'plugin',
    'extensions',
    'dbt',
    'sql_tools.enabled',
    'sql_tools.execute_sql_query.description',
    'sql_tools.list_tables.description',
    'sql_tools.get_table_schema.description',
    'paths.tools',
    'paths.resources',
    'paths.prompts',
    'paths.evals',
    'paths.python',
    'paths.plugins',
    'paths.sql',
    'paths.drift',
    'paths.audit',
    'paths.data',
    'profiles.*.duckdb.path',
    'profiles.*.duckdb.readonly',
    'profiles.*.drift.path',
    'profiles.*.audit.enabled',
    'profiles.*.audit.path',
    'profiles.*.audit.max_file_size',
  ]),
  ...rows('user', 'reload', [
    `${PROFILE}.secrets`,
    `${PROFILE}.plugin.config`,
    'reload.refresh',
    ...STORE_KEYS,
  ]),
  ...rows('user', 'restart', [
    'mxcp',
    `${PROFILE}.auth.mode`,
    `${PROFILE}.auth.provider`,
    `${PROFILE}.auth.authorization.required_scopes`,
    `${PROFILE}.telemetry.enabled`,
    `${PROFILE}.telemetry.endpoint`,
    `${PROFILE}.telemetry.service_name`,
    `${PROFILE}.telemetry.service_version`,
    `${PROFILE}.telemetry.environment`,
    `${PROFILE}.telemetry.resource_attributes`,
    `${PROFILE}.telemetry.tracing.enabled`,
    `${PROFILE}.telemetry.tracing.console_export`,
    `${PROFILE}.telemetry.metrics.enabled`,
    `${PROFILE}.telemetry.metrics.export_interval`,
    'transport.provider',
    'transport.http.port',
    'transport.http.host',
    'transport.http.scheme',
    'transport.http.base_url',
    'transport.http.trust_proxy',
    'transport.http.stateless',
    'transport.http.allowed_hosts',
    'transport.http.allowed_origins',
    'models.default',
    'models.models.*.type',
    'models.models.*.base_url',
    'models.models.*.timeout',
    'models.models.*.max_retries',
    'logging.enabled',
    'logging.path',
    'logging.level',
    'logging.max_bytes',
    'logging.backup_count',
  ]),
  ...secretRows([
    `${PROFILE}.auth.clients`,
    `${PROFILE}.auth.github`,
    `${PROFILE}.auth.atlassian`,
    `${PROFILE}.auth.salesforce`,
    `${PROFILE}.auth.google`,
    `${PROFILE}.auth.keycloak`,
    `${PROFILE}.auth.oidc`,
    `${PROFILE}.auth.persistence`,
    `${PROFILE}.telemetry.headers`,
    'models.models.*.api_key',
  ]),
];

function rows(
  file: ReloadRow['file'],
  applies: ReloadRow['applies'],
  keys: readonly string[],
): readonly ReloadRow[] {
  return keys.map((key) => ({ key, file, applies }));
}

function secretRows(keys: readonly string[]): readonly ReloadRow[] {
  return keys.map((key) => ({ key, file: 'user', applies: 'restart', secret: true }));
}

/** What became of one reference between two configurations. */
export interface ReferenceComparison {
  readonly ref: string;
  readonly usedBy: readonly string[];
  readonly outcome: 'changed' | 'unchanged' | 'added' | 'removed';
  readonly version: string | null;
  /** What is wrong with a value that is there all the same. */
  readonly error: string | null;
}

/** One that has no value now, and why. */
export interface FailedComparison extends Omit<ReferenceComparison, 'outcome' | 'error'> {
  readonly outcome: 'failed';
  readonly error: string;
}

/** A difference that only a restart applies, as it may be printed. */
export interface SettingDifference {
  readonly setting: string;
  readonly running: unknown;
  readonly onDisk: unknown;
}

/** Every reference of either configuration, sorted. */
export function compareReferences(
  before: readonly ResolvedReference[],
  after: readonly ResolvedReference[],
): readonly ReferenceComparison[] {
  const old = new Map(before.map((reference) => [reference.ref, reference]));
  const now = new Map(after.map((reference) => [reference.ref, reference]));
  const removed = before.filter((reference) => !now.has(reference.ref));
  return [
    ...after.map((reference) => toComparison(reference, outcomeOf(old.get(reference.ref), reference))),
    ...removed.map((reference) => toComparison(reference, 'removed')),
  ].sort(byName);
}

function byName(a: { readonly ref: string }, b: { readonly ref: string }): number {
  return a.ref < b.ref ? -1 : 1;
}

/** The same when the resolve failed: what has no value, and what became of the others. */
export function compareFailedReferences(
  before: readonly ResolvedReference[],
  error: unknown,
): readonly (ReferenceComparison | FailedComparison)[] {
  const failed = failedReferences(error).map(
    ({ ref, usedBy, error: reason }): FailedComparison => ({
      ref,
      usedBy,
      outcome: 'failed',
      version: null,
      error: reason,
    }),
  );
  if (failed.length === 0) return [];
  const names = new Set(failed.map(({ ref }) => ref));
  const others = before.filter(({ ref }) => !names.has(ref));
  return [...compareReferences(others, resolvedDespite(error)), ...failed].sort(byName);
}

function outcomeOf(
  old: ResolvedReference | undefined,
  now: ResolvedReference,
): ReferenceComparison['outcome'] {
  if (old === undefined) return 'added';
  return old.fingerprint === now.fingerprint ? 'unchanged' : 'changed';
}

function toComparison(
  { ref, usedBy, version, warning }: ResolvedReference,
  outcome: ReferenceComparison['outcome'],
): ReferenceComparison {
  return { ref, usedBy, outcome, version, error: outcome === 'removed' ? null : (warning ?? null) };
}

/** The settings in which the files differ from what runs and that a reload leaves as they are. */
export function findRestartRequired(
  running: ResolvedConfig,
  onDisk: ResolvedConfig,
): readonly SettingDifference[] {
  const settings = new Set([...running.restartOnly.keys(), ...onDisk.restartOnly.keys()]);
  return [...settings].sort().flatMap((setting) => {
    const before = running.restartOnly.get(setting);
    const after = onDisk.restartOnly.get(setting);
    if (before?.identity === after?.identity) return [];
    return [{ setting, running: before?.display ?? null, onDisk: after?.display ?? null }];
  });
}

/** What a reload makes the server run on: its restart-only parts, with the secrets of the candidate and what code sees of it. */
export function withReloadable(running: ResolvedConfig, candidate: ResolvedConfig): ResolvedConfig {
  return Object.freeze({
    ...running,
    loadedAt: candidate.loadedAt,
    configFiles: candidate.configFiles,
    readFiles: candidate.readFiles,
    refreshMs: candidate.refreshMs,
    secrets: candidate.secrets,
    environment: candidate.environment,
    files: candidate.files,
    references: candidate.references,
    warnings: candidate.warnings,
    secretValues: candidate.secretValues,
  });
}

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

/** What every value that may not be shown prints as. */
export const REDACTED = '[secret]';

/** A text for output: credentials in URLs and tokens in connection strings are replaced, the rest stays readable. */
export function redactText(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, `$1${REDACTED}@`)
    .replace(
      /([?&;\s][\w.-]*(?:token|password|passwd|pwd|secret|key|signature|sig)=)[^&;\s]*/gi,
      `$1${REDACTED}`,
    );
}

/** A configuration value for output, with the texts in it redacted. Not for values that came from a reference. */
export function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (typeof value !== 'object' || value === null) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item)]));
}
