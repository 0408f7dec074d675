import { messageOf, MxcpError, type Problem, problemsError } from '../../errors/index.js';
import { fingerprint } from '../../files/index.js';
import { raceSignal } from '../../lifecycle/index.js';
import { type KeyPath, toDotted, type YamlSource } from '../../yaml/index.js';
import {
  BUILT_IN_SCHEMES,
  describeMistakable,
  parseReference,
  type Reference,
  type TemplateReference,
} from './reference-grammar.js';

/**
 * A source of values for references. `resolve` returns the present value and caches nothing, or throws an error whose message
 * follows the reference's name and never contains a value. It should give up when the signal is aborted; the caller stops
 * waiting then.
 */
export interface ReferenceResolver {
  /** `scheme` of `scheme://locator`. */
  readonly scheme: string;
  resolve(locator: string, signal: AbortSignal): Promise<ResolvedValue>;
}

/** `env_file`, `process_env`, `file`, `vault`, `onepassword`, or the scheme of an added store. */
export type ReferenceSource = string;

export interface ResolvedValue {
  readonly value: string;
  /** The store's own version of the value, where it has one. */
  readonly version?: string | null | undefined;
  /** As `/config` reports it; the scheme unless given. */
  readonly source?: ReferenceSource | undefined;
  /** How long the value is valid, if the store says so: a refresh reads it again before that. */
  readonly leaseSeconds?: number | undefined;
  /** The store may change the value before the lease ends, so a refresh reads it every time. */
  readonly mayChangeEarlier?: boolean | undefined;
  /** When it was read, if that was before this resolve. */
  readonly readAt?: Date | undefined;
  /** Shows whether the value has changed, if the value itself does not: a one-time password is different each time. */
  readonly changesWith?: string | undefined;
  /** Something a person should check although there is a value. Never contains it. */
  readonly warning?: string | undefined;
}

/** A keyed hash of a resolved value; undefined is a reference without a value. */
export function fingerprintOf(found: ResolvedValue | undefined): string {
  if (found === undefined) return fingerprint('unset');
  const { changesWith, value } = found;
  return fingerprint(changesWith === undefined ? `set:${value}` : `changes with:${changesWith}`);
}

/** Thrown by a resolver when only a change of the reference or the configuration helps. */
export class PermanentReferenceError extends Error {}

/** The cause of an error about env files that do not exist, and may soon. */
export class EnvFilesMissing extends Error {}

/** The cause of a `reference_unresolved` error. */
class ReferenceFailures extends Error {
  constructor(
    readonly failures: readonly FailedReference[],
    /** The other references, which have a value. */
    readonly resolved: readonly ResolvedReference[],
  ) {
    super(`${failures.length} references have no value`);
  }
}

/** A reference without a value, for the record of a reload. */
export interface FailedReference {
  readonly ref: string;
  readonly usedBy: readonly string[];
  readonly error: string;
  /** It may resolve later by itself: the store is down, or a file or a variable does not exist yet. */
  readonly canHeal: boolean;
}

/** The references that a failed resolve could not resolve; empty for any other error. */
export function failedReferences(error: unknown): readonly FailedReference[] {
  return error instanceof MxcpError && error.cause instanceof ReferenceFailures ? error.cause.failures : [];
}

/** The references that have a value although the resolve failed; empty for any other error. */
export function resolvedDespite(error: unknown): readonly ResolvedReference[] {
  return error instanceof MxcpError && error.cause instanceof ReferenceFailures ? error.cause.resolved : [];
}

/** Whether the same configuration may resolve later, without a change to it. */
export function canHeal(error: unknown): boolean {
  if (error instanceof MxcpError && error.cause instanceof EnvFilesMissing) return true;
  const failures = failedReferences(error);
  return failures.length > 0 && failures.every((failure) => failure.canHeal);
}

/** One distinct reference and what is known about its value, without the value itself. */
export interface ResolvedReference {
  /** As it is written, e.g. `${DB_PASSWORD}` or `file://token.txt`, with the scheme in lower case. */
  readonly ref: string;
  /** Dotted configuration paths, sorted. */
  readonly usedBy: readonly string[];
  readonly source: ReferenceSource;
  readonly resolvedAt: Date;
  /** When a resolve first saw the present value. */
  readonly changedAt: Date;
  /** The store's own version of the value, where it has one. */
  readonly version: string | null;
  /** Keyed hash of the value. The key is random per process, so a rotation shows and the value cannot be guessed. */
  readonly fingerprint: string;
  readonly leaseSeconds?: number | undefined;
  readonly warning?: string | undefined;
}

/** One text of the user configuration that is, or contains, a reference. */
export interface ReferenceUse {
  readonly path: KeyPath;
  readonly reference: Exclude<Reference, { kind: 'malformed' }>;
}

/** A text that looks like a reference and is plain text, which is probably a mistake. */
export interface SuspectText {
  readonly path: KeyPath;
  readonly message: string;
}

/** Finds every reference in the values of a file; keys are never references. */
export function findReferences(
  source: YamlSource,
  addedSchemes: readonly string[] = [],
): {
  readonly uses: readonly ReferenceUse[];
  readonly problems: readonly Problem[];
  readonly suspects: readonly SuspectText[];
} {
  const uses: ReferenceUse[] = [];
  const problems: Problem[] = [];
  const suspects: SuspectText[] = [];
  for (const { path, text } of textsOf(source.value, [])) {
    const reference = parseReference(text, addedSchemes);
    if (reference?.kind === 'malformed') {
      problems.push(problemAt(source, path, reference.reason));
      continue;
    }
    if (reference !== undefined) uses.push({ path, reference });
    const message =
      reference?.kind === 'store'
        ? undefined
        : describeMistakable(plainPartOf(text, reference), [...BUILT_IN_SCHEMES, ...addedSchemes]);
    if (message !== undefined) suspects.push({ path, message });
  }
  return { uses, problems, suspects };
}

function plainPartOf(text: string, template: TemplateReference | undefined): string {
  return template === undefined
    ? text
    : template.parts.map((part) => (typeof part === 'string' ? part : '\0')).join('');
}

/** Finds the texts of a file without references that look like one. */
export function refuseReferences(source: YamlSource, reason: (path: KeyPath) => string): readonly Problem[] {
  return [...textsOf(source.value, [])]
    .filter(
      ({ text }) => parseReference(text) !== undefined || describeMistakable(text, BUILT_IN_SCHEMES) !== undefined,
    )
    .map(({ path }) => problemAt(source, path, reason(path)));
}

function problemAt(source: YamlSource, path: KeyPath, reason: string): Problem {
  const dotted = toDotted(path);
  return { ...source.positionOf(path), path: dotted, message: `\`${dotted}\`: ${reason}` };
}

function* textsOf(value: unknown, path: KeyPath): Generator<{ path: KeyPath; text: string }> {
  if (typeof value === 'string') yield { path, text: value };
  if (typeof value !== 'object' || value === null) return;
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, item] of entries) yield* textsOf(item, [...path, key]);
}

export interface ResolveInput {
  readonly uses: readonly ReferenceUse[];
  readonly source: YamlSource;
  readonly resolvers: ReadonlyMap<string, ReferenceResolver>;
  readonly signal: AbortSignal;
  /** The result of an earlier resolve, so that an unchanged value keeps the time of its last change. */
  readonly previous: readonly ResolvedReference[];
}

export interface ResolvedReferences {
  readonly references: readonly ResolvedReference[];
  /** The text of a use with every reference in it replaced. */
  textOf(use: ReferenceUse): string;
  /** Values of the references, for the scrubber. */
  readonly values: readonly string[];
  readonly warnings: readonly Problem[];
}

/**
 * Resolves each distinct reference once, all at the same time. Throws `reference_unresolved` naming every one without a value;
 * no value is ever part of an error.
 */
export async function resolveReferences(input: ResolveInput): Promise<ResolvedReferences> {
  const outcomes = await Promise.all(collectDistinct(input.uses).map((each) => resolveOne(each, input)));
  const failures = outcomes.filter((outcome) => 'error' in outcome);
  const resolved = outcomes.filter((outcome) => 'found' in outcome);
  const values = new Map(resolved.map(({ distinct, found }) => [distinct.ref, found?.value]));
  const now = new Date();
  const previous = new Map(input.previous.map((reference) => [reference.ref, reference]));
  const references = resolved.map(({ distinct, found }) =>
    toRecord(distinct, found, { now, before: previous.get(distinct.ref) }),
  );
  if (failures.length > 0) throw failuresError(failures, references, input.source);
  return {
    references,
    textOf: (use) => substitute(use, values),
    values: resolved.flatMap(({ found }) => found?.value || []),
    warnings: resolved.flatMap(({ distinct, found }) =>
      found?.warning === undefined ? [] : [toProblem(distinct, found.warning, input.source)],
    ),
  };
}

type Outcome = { readonly distinct: DistinctReference } & (
  | { readonly found: ResolvedValue | undefined }
  | { readonly error: string; readonly canHeal: boolean }
);

async function resolveOne(distinct: DistinctReference, input: ResolveInput): Promise<Outcome> {
  const { signal } = input;
  const resolver = input.resolvers.get(distinct.scheme);
  if (resolver === undefined)
    return { distinct, error: `no store has the scheme \`${distinct.scheme}://\``, canHeal: false };
  try {
    const found = await raceSignal(resolver.resolve(distinct.locator, signal), signal);
    return { distinct, found: withEmptyWarning(found, distinct) };
  } catch (error) {
    if (signal.aborted) {
      const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
      return { distinct, error: timedOut ? 'did not answer in time' : 'resolving was cancelled', canHeal: true };
    }
    // With a default everywhere it is used, a reference needs no value.
    if (!distinct.fallbacks.includes(undefined)) return { distinct, found: undefined };
    return { distinct, error: messageOf(error), canHeal: !(error instanceof PermanentReferenceError) };
  }
}

/** Stores and files warn of empty values themselves. A default says that an empty variable is expected. */
function withEmptyWarning(found: ResolvedValue, { scheme, locator, fallbacks }: DistinctReference): ResolvedValue {
  if (scheme !== 'env' || found.value !== '' || !fallbacks.includes(undefined)) return found;
  return { ...found, warning: `the variable is empty; write \`\${${locator}:-}\` if it may be` };
}

function substitute({ reference }: ReferenceUse, values: ReadonlyMap<string, string | undefined>): string {
  if (reference.kind === 'store') return values.get(reference.ref) ?? '';
  return reference.parts
    .map((part) => (typeof part === 'string' ? part : orDefault(values.get(refOf(part.name)), part.fallback)))
    .join('');
}

/** As in a shell, a default also replaces an empty value. */
function orDefault(value: string | undefined, fallback: string | undefined): string {
  return fallback === undefined ? (value ?? '') : value || fallback;
}

function toRecord(
  distinct: DistinctReference,
  found: ResolvedValue | undefined,
  { now, before }: { readonly now: Date; readonly before: ResolvedReference | undefined },
): ResolvedReference {
  const current = fingerprintWithDefaults(distinct, found);
  const resolvedAt = found?.readAt ?? now;
  return {
    ref: distinct.ref,
    usedBy: usedBy(distinct),
    source: found?.source ?? (distinct.scheme === 'env' ? 'process_env' : distinct.scheme),
    resolvedAt,
    changedAt: before?.fingerprint === current ? before.changedAt : resolvedAt,
    version: found?.version ?? null,
    fingerprint: current,
    leaseSeconds: found?.leaseSeconds,
    warning: found?.warning,
  };
}

/** With different defaults, a reference has a different value at each place. */
function fingerprintWithDefaults({ fallbacks }: DistinctReference, found: ResolvedValue | undefined): string {
  const values = fallbacks.map((fallback) => orDefault(found?.value, fallback));
  const [value = '', ...others] = new Set(values);
  return fingerprintOf(others.length === 0 ? { ...found, value } : { value, changesWith: JSON.stringify(values) });
}

function failuresError(
  failures: readonly Extract<Outcome, { error: string }>[],
  resolved: readonly ResolvedReference[],
  source: YamlSource,
): MxcpError {
  const count = failures.length === 1 ? 'a reference has' : `${failures.length} references have`;
  const records = failures.map(({ distinct, error, canHeal: heals }) => ({
    ref: distinct.ref,
    usedBy: usedBy(distinct),
    error,
    canHeal: heals,
  }));
  return problemsError(
    'reference_unresolved',
    `${count} no value:`,
    failures.map(({ distinct, error }) => toProblem(distinct, error, source)),
    new ReferenceFailures(records, resolved),
  );
}

function toProblem(distinct: DistinctReference, message: string, source: YamlSource): Problem {
  const [first = []] = distinct.paths;
  const path = toDotted(first);
  const others = usedBy(distinct).filter((dotted) => dotted !== path);
  const also = others.length === 0 ? '' : ` and ${others.map((dotted) => `\`${dotted}\``).join(', ')}`;
  return { ...source.positionOf(first), path, message: `${distinct.ref}: ${message} (used by \`${path}\`${also})` };
}

/** One distinct reference and everything that uses it. */
interface DistinctReference {
  readonly ref: string;
  readonly scheme: string;
  readonly locator: string;
  readonly paths: KeyPath[];
  /** The default at each use, in the order of the file; undefined where there is none. */
  readonly fallbacks: (string | undefined)[];
}

function collectDistinct(uses: readonly ReferenceUse[]): readonly DistinctReference[] {
  const distinct = new Map<string, DistinctReference>();
  const add = (place: Pick<DistinctReference, 'ref' | 'scheme' | 'locator'>, path: KeyPath, fallback?: string) => {
    const found = distinct.get(place.ref) ?? { ...place, paths: [], fallbacks: [] };
    distinct.set(place.ref, found);
    found.fallbacks.push(fallback);
    if (found.paths.at(-1) !== path) found.paths.push(path);
  };
  for (const { path, reference } of uses) {
    if (reference.kind === 'store') {
      const { ref, scheme, locator } = reference;
      add({ ref, scheme, locator }, path);
      continue;
    }
    for (const part of reference.parts) {
      if (typeof part === 'string') continue;
      add({ ref: refOf(part.name), scheme: 'env', locator: part.name }, path, part.fallback);
    }
  }
  return [...distinct.values()];
}

function refOf(variable: string): string {
  return `\${${variable}}`;
}

/** Dotted configuration paths, sorted. */
function usedBy({ paths }: DistinctReference): readonly string[] {
  return [...new Set(paths.map(toDotted))].sort();
}
