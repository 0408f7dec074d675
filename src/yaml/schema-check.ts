import { z } from 'zod';
import { keySuggestion, MxcpError, type Problem } from '../errors/index.js';
import { type FileLedger, FileReadError } from '../files/index.js';
import { deadlineIn } from '../lifecycle/index.js';
import { type KeyPath, parseYaml, type YamlSource } from './yaml-source.js';

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

/** Checks a value against a schema; every problem has its position in the file, and none quotes a value. */
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
    (dotted, step) => (typeof step === 'number' ? `${dotted}[${step}]` : dotted === '' ? step : `${dotted}.${step}`),
    '',
  );
}

/** Of a choice between shapes, the issues of the shape that was meant: the one whose outermost type fits. */
function mostLikely(issue: Issue): readonly Issue[] {
  if (issue.code !== 'invalid_union') return [issue];
  const meant = issue.errors.find((branch) =>
    branch.every((inner) => inner.path.length > 0 || inner.code !== 'invalid_type'),
  );
  return meant === undefined ? [issue] : meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

function toProblems(issue: Issue, source: YamlSource, schema: JsonSchema): readonly Problem[] {
  const path = toKeyPath(issue.path);
  if (issue.code !== 'unrecognized_keys') {
    const name = path.length === 0 ? 'the file' : `\`${toDotted(path)}\``;
    return [{ ...source.positionOf(path), path: toDotted(path), message: `${name} ${describe(issue, source, path)}` }];
  }
  const siblings = Object.keys(path.reduce(childOrMapping, schema)?.properties ?? {});
  return issue.keys.map((key) => {
    const keyPath = [...path, key];
    return {
      ...source.positionOfKey(keyPath),
      path: toDotted(keyPath),
      message: `unknown key \`${key}\`${within(path)}${keySuggestion(key, siblings) || knownKeys(siblings)}`,
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
      return isAbsent(source.value, path) ? 'is missing' : `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.message.startsWith('Invalid') ? `must be one of ${issue.values.join(', ')}` : issue.message;
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

/**
 * Reads what people write as what they mean, before it is checked: a section with nothing below it is an empty one, a
 * single value where a list is expected is a list of one, and a number or a truth value may be in quotes, which is
 * also what a resolved reference is. Everything else stays as it is, for the check to judge.
 */
export function conform(value: unknown, schema: JsonSchema | undefined): unknown {
  switch (schema?.type) {
    case 'object':
      return conformObject(value ?? {}, schema);
    case 'array':
      return toList(value).map((item) => conform(item, schema.items));
    case 'boolean':
      return toBoolean(value);
    case 'integer':
    case 'number':
      return 'const' in schema ? value : toNumber(value);
    case 'string':
      return schema.enum === undefined ? value : toChoice(value, schema.enum);
    default:
      return schema?.anyOf === undefined ? value : conformAny(value, schema.anyOf);
  }
}

function conformObject(value: unknown, schema: JsonSchema): unknown {
  if (!isMapping(value)) return value;
  const entries = Object.entries(value)
    // A key with nothing behind it, where one value is expected, is a key that was left out on purpose.
    .filter(([key, item]) => item !== null || !isOptionalText(childSchema(schema, key)))
    .map(([key, item]): [string, unknown] => [key, conform(item, childSchema(schema, key))]);
  return Object.fromEntries(entries);
}

function conformAny(value: unknown, schemas: readonly JsonSchema[]): unknown {
  const mapping = schemas.find((schema) => schema.type === 'object');
  return isMapping(value) && mapping !== undefined ? conformObject(value, mapping) : value;
}

function isOptionalText(schema: JsonSchema | undefined): boolean {
  return schema?.type === 'string';
}

function toList(value: unknown): readonly unknown[] {
  if (value === null || value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

function toBoolean(value: unknown): unknown {
  if (value === 1 || value === 0) return value === 1;
  if (typeof value !== 'string') return value;
  if (/^(?:true|yes|on|1)$/i.test(value.trim())) return true;
  return /^(?:false|no|off|0)$/i.test(value.trim()) ? false : value;
}

function toNumber(value: unknown): unknown {
  return typeof value === 'string' && /^[-+]?\d+(?:\.\d+)?$/.test(value.trim()) ? Number(value) : value;
}

function toChoice(value: unknown, choices: readonly unknown[]): unknown {
  if (typeof value !== 'string') return value;
  return choices.find((choice) => String(choice).toLowerCase() === value.trim().toLowerCase()) ?? value;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The part of JSON Schema that the schemas of the two files come out as. */
export interface JsonSchema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
}

const known = new WeakMap<z.ZodType, JsonSchema>();

/** What a schema accepts, as data: for the known keys of a mapping, and for what an editor can check. */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const found = known.get(schema);
  if (found !== undefined) return found;
  // zod types the result as the union of all drafts; the fields named above are the same in the one it writes.
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  known.set(schema, made);
  return made;
}

/** The schema of one key or item below `schema`; `undefined` where there is none. */
export function childSchema(schema: JsonSchema | undefined, step: string | number): JsonSchema | undefined {
  if (schema === undefined) return undefined;
  if (typeof step === 'number') return schema.items;
  const property = Object.hasOwn(schema.properties ?? {}, step) ? schema.properties?.[step] : undefined;
  return property ?? (schema.additionalProperties === false ? undefined : schema.additionalProperties);
}

const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Reading two small files takes no time; longer than this means a file system that hangs. */
const READ_TIMEOUT_MS = 10_000;

/** A file after reading, or everything that is wrong with it. Neither for one that need not be there. */
export interface ParsedFile {
  readonly source?: YamlSource;
  readonly problems: readonly Problem[];
}

export interface FileRole {
  /** What a person should do when the file is not there; `ignore` when it need not be. */
  readonly whenMissing: string;
  readonly ledger: FileLedger;
}

/** Reads one of the two configuration files. Throws `config_not_found` when it has to be there and is not. */
export async function loadYamlMapping(file: string, role: FileRole): Promise<ParsedFile> {
  const text = await readConfigFile(file, role);
  if (typeof text !== 'string') return { problems: text === undefined ? [] : [text] };
  const parsed = parseYaml(file, text);
  if (!parsed.ok) return { problems: parsed.problems };
  if (isMapping(parsed.source.value)) return { source: parsed.source, problems: [] };
  const message =
    parsed.source.value === null
      ? 'the file is empty; it needs at least `mxcp: 1`'
      : 'the file must be a mapping (`key: value` lines)';
  return { problems: [{ file, line: 1, column: 1, message }] };
}

/** The text, the problem with the file, or `undefined` for an optional file that is not there. */
async function readConfigFile(file: string, { whenMissing, ledger }: FileRole): Promise<string | Problem | undefined> {
  const deadline = deadlineIn(READ_TIMEOUT_MS);
  try {
    return await ledger.read(file, { maxBytes: MAX_FILE_BYTES, signal: deadline });
  } catch (error) {
    if (!(error instanceof FileReadError)) {
      return { file, message: `the file cannot be read: nothing came within ${READ_TIMEOUT_MS / 1000} s` };
    }
    if (!error.missing) return { file, message: `the file ${error.message}` };
    if (whenMissing === 'ignore') return undefined;
    throw new MxcpError('config_not_found', `the configuration file ${file} does not exist; ${whenMissing}`, {
      cause: error,
      problems: [{ file, message: `the file does not exist; ${whenMissing}` }],
    });
  } finally {
    deadline.dispose();
  }
}
