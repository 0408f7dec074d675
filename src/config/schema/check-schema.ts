import type { z } from 'zod';
import { suggestion, type Problem } from '../../errors/index.js';
import type { KeyPath, YamlSource } from '../yaml/yaml-source.js';
import { conform } from './conform.js';
import { childSchema, jsonSchemaOf, type JsonSchema } from './json-schema.js';

type Issue = z.core.$ZodIssue;

export type SchemaCheck<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface CheckOptions<T> {
  readonly schema: z.ZodType<T>;
  readonly source: YamlSource;
  /** What is checked: the source's own value, or that with its references replaced. */
  readonly value: unknown;
  /** Paths whose value is not known yet, so that it cannot be judged. */
  readonly isUnresolved?: (path: KeyPath) => boolean;
}

/** Checks a value against a schema; every problem is told where it stands in the file, and none quotes a value. */
export function checkSchema<T>(options: CheckOptions<T>): SchemaCheck<T> {
  const jsonSchema = jsonSchemaOf(options.schema);
  const result = options.schema.safeParse(conform(options.value, jsonSchema));
  if (result.success) return { ok: true, value: result.data };
  const isUnresolved = options.isUnresolved ?? (() => false);
  const problems = result.error.issues
    .flatMap((issue) => mostLikely(issue))
    .filter((issue) => !isUnresolved(toKeyPath(issue.path)))
    .flatMap((issue) => toProblems(issue, options.source, jsonSchema));
  return { ok: false, problems };
}

export function toDotted(path: KeyPath): string {
  return path.reduce<string>(
    (dotted, step) =>
      typeof step === 'number' ? `${dotted}[${step}]` : dotted === '' ? step : `${dotted}.${step}`,
    '',
  );
}

/** Of a choice between shapes, the issues of the shape that was meant: the one whose outermost type fits. */
function mostLikely(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find((branch) =>
    branch.every((inner) => inner.path.length > 0 || inner.code !== 'invalid_type'),
  );
  return meant === undefined
    ? [issue]
    : meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function toProblems(issue: Issue, source: YamlSource, schema: JsonSchema): readonly Problem[] {
  const path = toKeyPath(issue.path);
  if (issue.code !== 'unrecognized_keys') {
    const name = path.length === 0 ? 'the file' : `\`${toDotted(path)}\``;
    return [
      {
        ...source.positionOf(path),
        path: toDotted(path),
        message: `${name} ${describe(issue, source, path)}`,
      },
    ];
  }
  const siblings = Object.keys(path.reduce(childOrMapping, schema)?.properties ?? {});
  return issue.keys.map((key) => {
    const keyPath = [...path, key];
    return {
      ...source.positionOfKey(keyPath),
      path: toDotted(keyPath),
      message: `unknown key \`${key}\`${within(path)}${suggestion(key, siblings) || knownKeys(siblings)}`,
    };
  });
}

function childOrMapping(schema: JsonSchema | undefined, step: string | number): JsonSchema | undefined {
  const child = childSchema(schema, step);
  return child?.anyOf?.find((branch) => branch.type === 'object') ?? child;
}

function within(path: KeyPath): string {
  return path.length === 0 ? '' : ` in \`${toDotted(path)}\``;
}

function knownKeys(keys: readonly string[]): string {
  return `; known keys are ${keys.join(', ')}`;
}

function describe(issue: Issue, source: YamlSource, path: KeyPath): string {
  switch (issue.code) {
    case 'invalid_type':
      return isAbsent(source.value, path)
        ? 'is missing'
        : `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.message.startsWith('Invalid')
        ? `must be one of ${issue.values.join(', ')}`
        : issue.message;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_union':
      return 'must be text or a mapping';
    case 'custom':
      return issue.message;
    default:
      return 'is not valid';
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text (put it in quotes)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping (`key: value` lines)',
  record: 'a mapping (`key: value` lines)',
  array: 'a list',
};

function isAbsent(root: unknown, path: KeyPath): boolean {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return true;
    // Own property of an object; which kind of object does not matter here.
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return false;
}

function toKeyPath(path: readonly PropertyKey[]): KeyPath {
  return path.map((step) => (typeof step === 'number' ? step : String(step)));
}
