import { z } from 'zod';
import { nearSuggestion, type Problem, suggestion } from '../../errors/index.js';
import type { KeyPath, YamlSource } from '../../yaml/index.js';

/** Says what a schema found wrong in the words of the file: one problem for each key, where it stands. */
export function toProblems(error: z.ZodError, schema: z.ZodType, source: YamlSource): Problem[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    if (issue.code === 'unrecognized_keys') {
      const known = knownKeys(schema, path);
      return issue.keys.map((key) => unknownKey([...path, key], known, source));
    }
    return [problemAt(path, messageFor(issue, path, source), source)];
  });
}

/** A problem with the key at `path`, placed where the key (or its nearest parent) stands. */
export function problemAt(path: KeyPath, message: string, source: YamlSource): Problem {
  return { ...source.positionOfKey(path), path: dotted(path), message };
}

/** A problem in line `line`, counted from 0, of the text at `path`. */
export function problemInText(path: KeyPath, message: string, { source, line }: TextLine): Problem {
  return { ...source.positionInText(path, line), path: dotted(path), message };
}

interface TextLine {
  readonly source: YamlSource;
  readonly line: number;
}

function unknownKey(path: KeyPath, known: readonly string[], source: YamlSource): Problem {
  const key = String(path.at(-1));
  return problemAt(path, `unknown key "${dotted(path)}"${suggestion(key, known)}`, source);
}

function messageFor(issue: z.core.$ZodIssue, path: KeyPath, source: YamlSource): string {
  const key = path.length === 0 ? 'the file' : `"${dotted(path)}"`;
  const value = valueAt(source.value, path);
  if (value === undefined) return `${key} is required`;
  if (issue.code === 'invalid_type')
    return `${key} must be ${withArticle(issue.expected)}, not ${describe(value)}`;
  if (issue.code === 'invalid_value') {
    const known = issue.values.map(String);
    return `${key} must be one of ${known.join(', ')}, not ${describe(value)}${nearSuggestion(String(value), known)}`;
  }
  return `${key} ${issue.message.replace(/^(Too small|Too big|Invalid input|Invalid [a-z]+): /, 'is not valid: ')}`;
}

function withArticle(type: string): string {
  const names: Readonly<Record<string, string>> = {
    object: 'a mapping',
    record: 'a mapping',
    array: 'a list',
    boolean: 'true or false',
    int: 'a whole number',
    string: 'text',
  };
  return names[type] ?? `a ${type}`;
}

function describe(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return JSON.stringify(value);
}

function valueAt(value: unknown, path: KeyPath): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = Reflect.get(current, step);
  }
  return current;
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

/** `tool.parameters[0].type`. */
function dotted(path: KeyPath): string {
  return path
    .map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`))
    .join('');
}
