import type { RestartRequired, RunRecord } from '../contract/index.js';
import { fingerprint } from '../files/index.js';
import {
  Concealed,
  failedReferences,
  type ReferenceUse,
  resolvedDespite,
  type ResolvedReference,
} from '../secrets/index.js';
import { isMapping, type KeyPath, toDotted } from '../yaml/index.js';
import type { ResolvedConfig, RestartOnlySetting } from './effective-config.js';
import { keyAt, type KeySchema, type SiteConfig, siteSchema, type UserConfig, userSchema } from './schema.js';

const REDACTED = '[secret]';

/** Finds the settings that differ on disk and that a reload does not apply. */
export function findRestartRequired(running: ResolvedConfig, onDisk: ResolvedConfig): readonly RestartRequired[] {
  const settings = new Set([...running.restartOnly.keys(), ...onDisk.restartOnly.keys()]);
  return [...settings].sort().flatMap((setting) => {
    const before = running.restartOnly.get(setting);
    const after = onDisk.restartOnly.get(setting);
    if (before?.identity === after?.identity) return [];
    return [{ setting, running: before?.display ?? null, onDisk: after?.display ?? null }];
  });
}

/** The active configuration after a reload: only what a reload applies comes from the candidate. */
export function withReloadable(running: ResolvedConfig, candidate: ResolvedConfig): ResolvedConfig {
  return Object.freeze({
    ...running,
    loadedAt: candidate.loadedAt,
    configFiles: candidate.configFiles,
    readFiles: candidate.readFiles,
    refreshMs: candidate.refreshMs,
    answers: candidate.answers,
    groups: candidate.groups,
    rateLimit: candidate.rateLimit,
    secrets: candidate.secrets,
    protection: candidate.protection,
    telemetry: { ...running.telemetry, headers: candidate.telemetry.headers },
    auth: withNewSecrets(running.auth, candidate.auth),
    confirmations: withNewKeys(running.confirmations, candidate.confirmations),
    environment: candidate.environment,
    files: candidate.files,
    references: candidate.references,
    warnings: candidate.warnings,
    secretValues: candidate.secretValues,
  });
}

/** Only secrets come from the disk. Protection that is removed there stays until a restart. */
function withNewSecrets(running: ResolvedConfig['auth'], onDisk: ResolvedConfig['auth']): ResolvedConfig['auth'] {
  if (running === undefined || onDisk === undefined || running.provider !== onDisk.provider) return running;
  const key = keyAt(userSchema, ['projects', '*', 'profiles', '*', 'auth']);
  const section = withLiveKeys(running.section.reveal(), onDisk.section.reveal(), key);
  return { ...running, section: new Concealed(section) };
}

/** The folder stays until a restart, and so does the section as a whole. */
function withNewKeys(
  running: ResolvedConfig['confirmations'],
  onDisk: ResolvedConfig['confirmations'],
): ResolvedConfig['confirmations'] {
  if (running === undefined || onDisk === undefined) return running;
  return new Concealed({ ...running.reveal(), keys: onDisk.reveal().keys });
}

/** The first value, with the keys that a reload applies from the second. */
function withLiveKeys<T>(running: T, onDisk: unknown, key: KeySchema | undefined): T {
  // Both values have passed the same schema, so a key has the same type in both.
  if (key?.reload === 'live') return (onDisk as T | undefined) ?? running;
  if (!isMapping(running) || !isMapping(onDisk)) return running;
  const names = new Set([...Object.keys(running), ...Object.keys(onDisk)]);
  const entries = [...names].map((name) => [name, withLiveKeys(running[name], onDisk[name], key?.properties?.[name])]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as T;
}

type ReferenceOutcome = RunRecord['references'][number];

/** Compares every reference of either configuration; sorted. */
export function compareReferences(
  before: readonly ResolvedReference[],
  after: readonly ResolvedReference[],
): readonly ReferenceOutcome[] {
  const old = new Map(before.map((reference) => [reference.ref, reference]));
  const now = new Set(after.map(({ ref }) => ref));
  const removed = before.filter(({ ref }) => !now.has(ref)).map((reference) => toOutcome(reference, 'removed', null));
  const present = after.map((each) => ({
    ...toOutcome(each, outcomeOf(old.get(each.ref), each), each.warning ?? null),
    note: each.source === 'process_env' ? FIXED : undefined,
  }));
  return [...present, ...removed].sort(byName);
}

/** The same for a failed resolve: the references that failed, and a comparison of the others. */
export function compareFailedReferences(
  before: readonly ResolvedReference[],
  error: unknown,
): readonly ReferenceOutcome[] {
  const failures = failedReferences(error);
  if (failures.length === 0) return [];
  const failed = failures.map((each) => toOutcome({ ...each, version: null }, 'failed', each.error));
  const names = new Set(failed.map(({ ref }) => ref));
  const others = before.filter(({ ref }) => !names.has(ref));
  return [...compareReferences(others, resolvedDespite(error)), ...failed].sort(byName);
}

const FIXED = 'fixed for this process; put the variable into an env file, which every reload reads again';

function toOutcome(
  { ref, usedBy, version }: Pick<ResolvedReference, 'ref' | 'usedBy' | 'version'>,
  outcome: ReferenceOutcome['outcome'],
  error: string | null,
): ReferenceOutcome {
  return { ref, usedBy, outcome, version, error };
}

function outcomeOf(old: ResolvedReference | undefined, now: ResolvedReference): ReferenceOutcome['outcome'] {
  if (old === undefined) return 'added';
  return old.fingerprint === now.fingerprint ? 'unchanged' : 'changed';
}

function byName(a: { readonly ref: string }, b: { readonly ref: string }): number {
  return a.ref < b.ref ? -1 : 1;
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

function* rowsBelow(key: KeySchema = {}, file: ReloadRow['file'], path: readonly string[]): Generator<ReloadRow> {
  const children = Object.entries(key.properties ?? {});
  // Named sections are listed by their keys, named single values are not.
  if (key.additionalProperties && key.additionalProperties.properties !== undefined)
    children.push(['*', key.additionalProperties]);
  if (key.reload !== undefined || key.secret === true || children.length === 0)
    yield { path, file, reload: key.reload ?? 'restart', isSecret: key.secret === true };
  else for (const [name, child] of children) yield* rowsBelow(child, file, [...path, name]);
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
        row.file === 'user' && references.some((use) => path.every((step, index) => use.path[index] === step));
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

/** Replaces credentials in URLs and tokens in connection strings; the rest stays readable. */
export function redactText(text: string): string {
  return text
    .replace(/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#]*@/gi, `$1${REDACTED}@`)
    .replace(/([?&;\s][\w.-]*(?:token|password|passwd|pwd|secret|key|signature|sig)=)[^&;\s]*/gi, `$1${REDACTED}`);
}

/** Redacts all texts in a literal value. Values that came from a reference are not printed at all. */
function redactValue(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(redactValue);
  if (!isMapping(value)) return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactValue(item)]));
}
