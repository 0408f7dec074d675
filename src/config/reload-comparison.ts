import { failedReferences, resolvedDespite } from './references/reference-failure.js';
import type { ResolvedConfig, ResolvedReference } from './resolved-config.js';

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
