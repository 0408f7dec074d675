import { z } from 'zod';
import {
  keySuggestion,
  listProblems,
  nearSuggestion,
  type Problem,
  clip,
  type SourcePosition,
} from '../errors/index.js';
import { type KeyPath, toDotted, type YamlSource } from './yaml-source.js';

/** Something wrong at a key of a file. */
export interface Finding {
  readonly at: KeyPath;
  /** A function where finding the words takes long: only the first problems of a file are explained. */
  readonly message: string | (() => string);
  readonly isUnknownKey?: boolean;
  /** A line of the text at the key, counted from 0. */
  readonly line?: number;
  /** The text that the value becomes. If the file has exactly this text, nothing is wrong. */
  readonly becomes?: string;
}

/** Findings with their positions in the file: that of the key, or of its nearest parent that the file has. */
export function toProblems(findings: readonly Finding[], source: YamlSource): Problem[] {
  return placeProblems(findings, source, ({ at, line }) =>
    line === undefined ? source.positionOfKey(at) : source.positionInText(at, line),
  );
}

/** As `toProblems`, with positions that the caller finds. */
export function placeProblems(
  findings: readonly Finding[],
  source: YamlSource,
  positionOf: (finding: Finding) => SourcePosition,
): Problem[] {
  const wrong = findings.filter(({ at, becomes }) => becomes === undefined || source.plainText(at) !== becomes);
  return listProblems(source.file, wrong, (finding) => {
    const { at, message } = finding;
    return { ...positionOf(finding), path: toDotted(at), message: typeof message === 'string' ? message : message() };
  });
}

/** Help with the slips that people make most often where a schema is used. */
interface Hints {
  /** What to write instead of a value of the wrong type, as the end of a sentence. */
  readonly hint?: (written: unknown) => string | undefined;
  /** What to write instead of an unknown key. */
  readonly keys?: Readonly<Record<string, string>>;
}

/** The hints of schemas that have some. */
export const hints = z.registry<Hints>();

/** Why a value does not fit a schema, with one finding for each key. Values may be secret; `mayQuote` says that these are not. */
export function explainMismatch(schema: z.ZodType, value: unknown, mayQuote: boolean): readonly Finding[] {
  // zod drops the schema of an issue when it has its message; the list of unknown keys stays the same object.
  const objects = new WeakMap<readonly string[], ObjectWithKeys>();
  const result = schema.safeParse(value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject)
        objects.set(issue.keys, { schema: issue.inst, written: issue.input });
      const hint = issue.inst instanceof z.ZodType ? hints.get(issue.inst)?.hint?.(issue.input) : undefined;
      const help = hint ?? listKeys(issue);
      return describe(issue, mayQuote) + (help === undefined || issue.input === undefined ? '' : `; ${help}`);
    },
  });
  return (result.error?.issues ?? []).flatMap(mostLikely).flatMap((issue): Finding[] => {
    const at = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
    const name = toDotted(at);
    if (issue.code !== 'unrecognized_keys')
      return [{ at, message: `${name === '' ? 'the file' : `\`${clip(name, 200)}\``} ${issue.message}` }];
    const object = objects.get(issue.keys);
    const parent = name === '' ? '' : ` in \`${clip(name, 200)}\``;
    return issue.keys.map((key) => ({
      at: [...at, key],
      isUnknownKey: true,
      message: () => `unknown key \`${clip(key, 100)}\`${parent}${hintOfKey(key, object)}`,
    }));
  });
}

interface ObjectWithKeys {
  readonly schema: z.ZodObject;
  readonly written: unknown;
}

function hintOfKey(key: string, object: ObjectWithKeys | undefined): string {
  const { schema, written } = object ?? {};
  const meant = schema && new Map(Object.entries(hints.get(schema)?.keys ?? {})).get(key);
  if (meant !== undefined) return `; did you mean \`${meant}\`?`;
  // `{ code: SELECT id, title FROM books }` has the key `title FROM books` without a value.
  const isRest =
    /\s/.test(key) && typeof written === 'object' && written !== null && Reflect.get(written, key) === null;
  if (isRest) return '; a comma ends a text within `{ }`: put the whole text in quotes, or on a line of its own';
  const known = Object.keys(schema?.shape ?? {});
  return keySuggestion(key, known) || `; known keys are ${known.join(', ')}`;
}

const FEW_KEYS = 10;

/** The keys of a small mapping that something else was written for, such as `audit: true`. */
function listKeys({ code, inst, expected }: z.core.$ZodRawIssue): string | undefined {
  if (code !== 'invalid_type' || expected !== 'object' || !(inst instanceof z.ZodObject)) return undefined;
  const keys = Object.keys(inst.shape);
  return keys.length > FEW_KEYS ? undefined : `its keys are ${keys.join(', ')}`;
}

const NO_SHAPE_FITS = 'must be text or a mapping';

/** Of a choice between shapes, the issues of the shape that was meant: the one whose outermost type fits. */
function mostLikely(issue: z.core.$ZodIssue): readonly z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.message !== NO_SHAPE_FITS) return [issue];
  const meant = issue.errors.find((branch) =>
    branch.every((inner) => inner.path.length > 0 || inner.code !== 'invalid_type'),
  );
  return meant === undefined ? [issue] : meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** What is wrong with a value, as the end of a sentence about its key. A schema with a message of its own is not asked. */
function describe(issue: z.core.$ZodRawIssue, mayQuote: boolean): string {
  const { input } = issue;
  if (input === undefined) return 'is missing';
  const actual = mayQuote ? `, not ${quote(input)}` : '';
  switch (issue.code) {
    case 'invalid_type': {
      const hint = issue.expected === 'string' && typeof input !== 'object' ? ' (put it in quotes)' : '';
      return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}${hint}${actual}`;
    }
    case 'invalid_value': {
      const known = issue.values.map(String);
      return `must be one of ${known.join(', ')}${actual}${mayQuote ? nearSuggestion(String(input), known) : ''}`;
    }
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}${actual}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${actual}`;
    case 'invalid_union':
      return NO_SHAPE_FITS;
    default:
      return 'is not valid';
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping (`key: value` lines)',
  record: 'a mapping (`key: value` lines)',
  array: 'a list (`- item` lines)',
};

function quote(value: unknown): string {
  if (value === null) return 'empty';
  if (typeof value !== 'object') return clip(JSON.stringify(value), 100);
  return Array.isArray(value) ? 'a list' : 'a mapping';
}
