import { z } from 'zod';
import { keySuggestion, nearSuggestion, type Problem } from '../../errors/index.js';
import { type KeyPath, toDotted, type YamlSource } from '../../yaml/index.js';

/** Something wrong at a key of an endpoint file. */
export interface Finding {
  readonly at: KeyPath;
  readonly message: string;
  /** A line of the text at the key, counted from 0. */
  readonly line?: number;
  /** The text that the value becomes. If the file has exactly this text, nothing is wrong. */
  readonly becomes?: string;
}

/** Findings with their positions in the file: that of the key, or of its nearest parent that the file has. */
export function toProblems(findings: readonly Finding[], source: YamlSource): Problem[] {
  return findings
    .filter(({ at, becomes }) => becomes === undefined || source.plainText(at) !== becomes)
    .map(({ at, message, line }) => {
      const position = line === undefined ? source.positionOfKey(at) : source.positionInText(at, line);
      return { ...position, path: toDotted(at), message };
    });
}

/** Explains what a schema refused, one finding for each key. */
export function explainSchemaError(error: z.ZodError, schema: z.ZodType, root: unknown): Finding[] {
  return error.issues.flatMap((issue) => {
    const at = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    if (issue.code !== 'unrecognized_keys') return [{ at, message: explainIssue(issue, at, root) }];
    const known = knownKeys(schema, at);
    return issue.keys.map((key) => {
      const path = [...at, key];
      const hint = keySuggestion(key, known) || (known.length > 0 ? `; known: ${known.join(', ')}` : '');
      return { at: path, message: `unknown key \`${toDotted(path)}\`${hint}` };
    });
  });
}

function explainIssue(issue: z.core.$ZodIssue, at: KeyPath, root: unknown): string {
  const key = at.length === 0 ? 'the file' : `\`${toDotted(at)}\``;
  const value = at.reduce<unknown>(
    (current, step) => (typeof current === 'object' && current !== null ? Reflect.get(current, step) : undefined),
    root,
  );
  if (value === undefined) return `${key} is required`;
  if (issue.code === 'invalid_type')
    return `${key} must be ${TYPE_NAMES[issue.expected] ?? `a ${issue.expected}`}, not ${describe(value)}`;
  if (issue.code !== 'invalid_value')
    return `${key} ${issue.message.replace(/^(Too small|Too big|Invalid input|Invalid [a-z]+): /, 'is not valid: ')}`;
  const known = issue.values.map(String);
  return `${key} must be one of ${known.join(', ')}, not ${describe(value)}${nearSuggestion(String(value), known)}`;
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  string: 'text',
};

function describe(value: unknown): string {
  if (value === null) return 'empty';
  if (typeof value !== 'object') return JSON.stringify(value);
  return Array.isArray(value) ? 'a list' : 'a mapping';
}

function knownKeys(schema: z.ZodType, path: KeyPath): string[] {
  let current: unknown = unwrap(schema);
  for (const step of path) {
    if (current instanceof z.ZodObject) current = unwrap(current.shape[String(step)]);
    else if (current instanceof z.ZodArray) current = unwrap(current.element);
    else if (current instanceof z.ZodRecord) current = unwrap(current.valueType);
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : [];
}

function unwrap(schema: unknown): unknown {
  if (schema instanceof z.ZodPipe) return unwrap(schema.in);
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodLazy)
    return unwrap(schema.unwrap());
  return schema;
}
