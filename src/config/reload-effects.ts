import { failedReferences, resolvedDespite, type ResolvedReference } from '../secrets/index.js';
import type { ResolvedConfig } from './resolved-config.js';

/** A setting that differs on disk and that only a restart applies, as it may be printed. */
export interface SettingDifference {
  readonly setting: string;
  readonly running: unknown;
  readonly onDisk: unknown;
}

/** Finds the settings that differ on disk and that a reload does not apply. */
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

/** The active configuration after a reload: only what a reload applies comes from the candidate. */
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

/** How one reference differs between two configurations. */
export interface ReferenceComparison {
  readonly ref: string;
  readonly usedBy: readonly string[];
  readonly outcome: 'changed' | 'unchanged' | 'added' | 'removed';
  readonly version: string | null;
  /** A warning about a value that was resolved nevertheless. */
  readonly error: string | null;
}

/** A reference that could not be resolved, and why. */
export interface FailedComparison extends Omit<ReferenceComparison, 'outcome' | 'error'> {
  readonly outcome: 'failed';
  readonly error: string;
}

/** Compares every reference of either configuration; sorted. */
export function compareReferences(
  before: readonly ResolvedReference[],
  after: readonly ResolvedReference[],
): readonly ReferenceComparison[] {
  const old = new Map(before.map((reference) => [reference.ref, reference]));
  const now = new Set(after.map(({ ref }) => ref));
  const compare = (
    { ref, usedBy, version, warning }: ResolvedReference,
    outcome: ReferenceComparison['outcome'],
  ) => ({ ref, usedBy, outcome, version, error: outcome === 'removed' ? null : (warning ?? null) });
  return [
    ...after.map((reference) => compare(reference, outcomeOf(old.get(reference.ref), reference))),
    ...before.filter(({ ref }) => !now.has(ref)).map((reference) => compare(reference, 'removed')),
  ].sort(byName);
}

/** The same for a failed resolve: the references that failed, and a comparison of the others. */
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

function byName(a: { readonly ref: string }, b: { readonly ref: string }): number {
  return a.ref < b.ref ? -1 : 1;
}
