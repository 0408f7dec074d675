import { messageOf, type MxcpError, type Problem, problemsError } from '../../errors/index.js';
import { raceSignal } from '../../lifecycle/index.js';
import { type KeyPath, toDotted, type YamlSource } from '../../yaml/index.js';
import { parseReference, type Reference, type VariablePart } from './reference-grammar.js';
import {
  type FailedReference,
  fingerprintOf,
  LastingReferenceError,
  ReferenceFailures,
  type ReferenceResolver,
  type ResolvedReference,
  type ResolvedValue,
} from './reference-resolver.js';

export interface ResolveInput {
  readonly uses: readonly ReferenceUse[];
  readonly source: YamlSource;
  readonly resolvers: ReadonlyMap<string, ReferenceResolver>;
  readonly signal: AbortSignal;
  /** What an earlier resolve saw, so that an unchanged value keeps the time of its last change. */
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

type Outcome = { readonly distinct: DistinctReference } & (
  | { readonly resolved: ResolvedValue | undefined }
  | { readonly error: string; readonly canHeal: boolean }
);

/**
 * Resolves each distinct reference once, all at the same time. Throws `reference_unresolved` naming every one that has
 * no value; no value is ever part of an error.
 */
export async function resolveReferences(input: ResolveInput): Promise<ResolvedReferences> {
  const outcomes = await Promise.all(
    collectDistinct(input.uses).map((distinct) => resolveOne(distinct, input)),
  );
  const failures = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome] : []));
  const resolved = outcomes.flatMap((outcome) => ('error' in outcome ? [] : [outcome]));
  const values = new Map(resolved.map(({ distinct, resolved: found }) => [distinct.ref, found?.value]));
  const now = new Date();
  const changes = new Map(input.previous.map((reference) => [reference.ref, reference]));
  const references = resolved.map(({ distinct, resolved: found }) =>
    toRecord(distinct, found, { now, changes }),
  );
  if (failures.length > 0) throw failuresError(failures, references, input.source);
  return {
    references,
    textOf: (use) => substitute(use, values),
    values: resolved.flatMap(({ resolved: found }) => found?.value || []),
    warnings: resolved.flatMap(({ distinct, resolved: found }) =>
      found?.warning === undefined ? [] : [toProblem(distinct, found.warning, input.source)],
    ),
  };
}

async function resolveOne(distinct: DistinctReference, input: ResolveInput): Promise<Outcome> {
  const resolver = input.resolvers.get(distinct.scheme);
  if (resolver === undefined) {
    return { distinct, error: `nothing here reads \`${distinct.scheme}://\``, canHeal: false };
  }
  try {
    const resolved = await raceSignal(resolver.resolve(distinct.locator, input.signal), input.signal);
    return { distinct, resolved };
  } catch (error) {
    if (input.signal.aborted) return { distinct, error: describeAbort(input.signal), canHeal: true };
    // With a default at every place, a missing value is none.
    if (!distinct.fallbacks.includes(undefined)) return { distinct, resolved: undefined };
    return { distinct, error: messageOf(error), canHeal: !(error instanceof LastingReferenceError) };
  }
}

function describeAbort(signal: AbortSignal): string {
  const timedOut = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return timedOut ? 'did not answer in time' : 'was not waited for, because resolving was cancelled';
}

function substitute(use: ReferenceUse, values: ReadonlyMap<string, string | undefined>): string {
  const { reference } = use;
  if (reference.kind === 'store') return values.get(reference.ref) ?? '';
  return reference.parts
    .map((part) => {
      if (typeof part === 'string') return part;
      return orDefault(values.get(`\${${part.name}}`), part.fallback);
    })
    .join('');
}

/** As in a shell: a default also stands for a variable that is set to nothing. */
function orDefault(value: string | undefined, fallback: string | undefined): string {
  return fallback === undefined ? (value ?? '') : value || fallback;
}

/** Of what the reference stands for, defaults included: with different ones it has a value at each place. */
function markOf({ fallbacks }: DistinctReference, found: ResolvedValue | undefined): string {
  const values = fallbacks.map((fallback) => orDefault(found?.value, fallback));
  const [value = '', ...others] = new Set(values);
  return fingerprintOf(
    others.length === 0 ? { ...found, value } : { value, changesWith: JSON.stringify(values) },
  );
}

function toRecord(
  distinct: DistinctReference,
  found: ResolvedValue | undefined,
  { now, changes }: { now: Date; changes: ReadonlyMap<string, ResolvedReference> },
): ResolvedReference {
  const mark = markOf(distinct, found);
  const readAt = found?.readAt ?? now;
  const before = changes.get(distinct.ref);
  return {
    ref: distinct.ref,
    usedBy: usedBy(distinct),
    source: found?.source ?? (distinct.scheme === 'env' ? 'process_env' : distinct.scheme),
    resolvedAt: readAt,
    changedAt: before?.fingerprint === mark ? before.changedAt : readAt,
    version: found?.version ?? null,
    fingerprint: mark,
    leaseSeconds: found?.leaseSeconds,
    warning: found?.warning,
  };
}

function failuresError(
  outcomes: readonly { distinct: DistinctReference; error: string; canHeal: boolean }[],
  resolved: readonly ResolvedReference[],
  source: YamlSource,
): MxcpError {
  const failures: readonly FailedReference[] = outcomes.map(({ distinct, error, canHeal }) => ({
    ref: distinct.ref,
    usedBy: usedBy(distinct),
    error,
    canHeal,
  }));
  const problems = outcomes.map(({ distinct, error }) => toProblem(distinct, error, source));
  const count = problems.length === 1 ? 'a reference has' : `${problems.length} references have`;
  return problemsError(
    'reference_unresolved',
    `${count} no value:`,
    problems,
    new ReferenceFailures(failures, resolved),
  );
}

function toProblem(distinct: DistinctReference, message: string, source: YamlSource): Problem {
  const path = distinct.usedBy[0] ?? [];
  const others = usedBy(distinct).filter((dotted) => dotted !== toDotted(path));
  const also = others.length === 0 ? '' : ` and ${others.map((dotted) => `\`${dotted}\``).join(', ')}`;
  return {
    ...source.positionOf(path),
    path: toDotted(path),
    message: `${distinct.ref}: ${message} (used by \`${toDotted(path)}\`${also})`,
  };
}

/** One distinct reference and everything that uses it. */
export interface DistinctReference {
  readonly ref: string;
  readonly scheme: string;
  readonly locator: string;
  readonly usedBy: KeyPath[];
  /** The default at each place where it stands, in the order of the file; undefined where there is none. */
  readonly fallbacks: (string | undefined)[];
}

export function collectDistinct(uses: readonly ReferenceUse[]): readonly DistinctReference[] {
  const found = new Map<string, DistinctReference>();
  for (const { path, reference } of uses) {
    for (const { fallback, ...place } of placesIn(reference)) {
      const distinct = found.get(place.ref) ?? { ...place, usedBy: [], fallbacks: [] };
      found.set(place.ref, distinct);
      distinct.fallbacks.push(fallback);
      if (distinct.usedBy.at(-1) !== path) distinct.usedBy.push(path);
    }
  }
  return [...found.values()];
}

type Place = Pick<DistinctReference, 'ref' | 'scheme' | 'locator'> & Pick<VariablePart, 'fallback'>;

function placesIn(reference: ReferenceUse['reference']): readonly Place[] {
  if (reference.kind === 'store') {
    const { ref, scheme, locator } = reference;
    return [{ ref, scheme, locator }];
  }
  const variables = reference.parts.filter((part) => typeof part !== 'string');
  return variables.map(({ name, fallback }) => ({
    ref: `\${${name}}`,
    scheme: 'env',
    locator: name,
    fallback,
  }));
}

/** Dotted configuration paths, sorted. */
export function usedBy(distinct: DistinctReference): readonly string[] {
  return [...new Set(distinct.usedBy.map(toDotted))].sort();
}

/** One text of the user configuration that is, or holds, a reference. */
export interface ReferenceUse {
  readonly path: KeyPath;
  readonly reference: Exclude<Reference, { kind: 'malformed' }>;
}

/** Finds every reference in the values of a file; keys are never references. */
export function findReferences(
  source: YamlSource,
  addedSchemes: readonly string[] = [],
): {
  uses: readonly ReferenceUse[];
  problems: readonly Problem[];
} {
  const uses: ReferenceUse[] = [];
  const problems: Problem[] = [];
  for (const { path, text } of textsOf(source.value, [])) {
    const reference = parseReference(text, addedSchemes);
    if (reference?.kind === 'malformed') {
      const dotted = toDotted(path);
      problems.push({
        ...source.positionOf(path),
        path: dotted,
        message: `\`${dotted}\`: ${reference.reason}`,
      });
    } else if (reference !== undefined) {
      uses.push({ path, reference });
    }
  }
  return { uses, problems };
}

function* textsOf(value: unknown, path: KeyPath): Generator<{ path: KeyPath; text: string }> {
  if (typeof value === 'string') {
    yield { path, text: value };
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* textsOf(item, [...path, index]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) yield* textsOf(item, [...path, key]);
  }
}
