import type { ResolvedConfig, ResolvedReference } from './resolved-config.js';

/** What became of one reference between two configurations. */
export interface ReferenceComparison {
  readonly ref: string;
  readonly usedBy: readonly string[];
  readonly outcome: 'changed' | 'unchanged' | 'added' | 'removed';
  readonly version: string | null;
  readonly error: null;
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
  ].sort((a, b) => (a.ref < b.ref ? -1 : 1));
}

function outcomeOf(
  old: ResolvedReference | undefined,
  now: ResolvedReference,
): ReferenceComparison['outcome'] {
  if (old === undefined) return 'added';
  return old.fingerprint === now.fingerprint ? 'unchanged' : 'changed';
}

function toComparison(
  { ref, usedBy, version }: ResolvedReference,
  outcome: ReferenceComparison['outcome'],
): ReferenceComparison {
  return { ref, usedBy, outcome, version, error: null };
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

/** What a reload makes the server run on: its restart-only parts, with the secrets and references of the candidate. */
export function withReloadable(running: ResolvedConfig, candidate: ResolvedConfig): ResolvedConfig {
  return Object.freeze({
    ...running,
    loadedAt: candidate.loadedAt,
    secrets: candidate.secrets,
    references: candidate.references,
    warnings: candidate.warnings,
    secretValues: candidate.secretValues,
  });
}
