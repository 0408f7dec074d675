import { z } from 'zod';
import { MxcpError, type Problem } from '../errors/index.js';
import { type FileLedger, FileReadError } from '../files/index.js';
import { deadlineIn } from '../lifecycle/index.js';
import { explainMismatch, placeProblems } from './schema-problems.js';
import { type KeyPath, parseYaml, type YamlSource } from './yaml-source.js';

type SchemaCheck<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problems: readonly Problem[] };

interface CheckOptions<T> {
  readonly schema: z.ZodType<T>;
  readonly source: YamlSource;
  /** What is checked: the source's own value, or that with its references replaced. */
  readonly value: unknown;
  /** Paths whose value is not known yet, so that it cannot be judged. */
  readonly isUnresolved?: (path: KeyPath) => boolean;
}

/** Checks a value against a schema; every problem has its position in the file, and none quotes a value. */
export function checkSchema<T>({ schema, source, value, isUnresolved }: CheckOptions<T>): SchemaCheck<T> {
  const conformed = conform(value, jsonSchemaOf(schema));
  const parsed = schema.safeParse(conformed);
  if (parsed.success) return { ok: true, value: parsed.data };
  const mismatch = explainMismatch(schema, conformed, false);
  const findings = mismatch.filter(({ at, isUnknownKey }) => isUnknownKey || isUnresolved?.(at) !== true);
  const problems = placeProblems(findings, source, ({ at, isUnknownKey }) =>
    isUnknownKey ? source.positionOfKey(at) : source.positionOf(at),
  );
  return { ok: false, problems };
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
    .filter(([key, item]) => item !== null || childSchema(schema, key)?.type !== 'string')
    .map(([key, item]): [string, unknown] => [key, conform(item, childSchema(schema, key))]);
  return Object.fromEntries(entries);
}

function conformAny(value: unknown, schemas: readonly JsonSchema[]): unknown {
  const mapping = schemas.find((schema) => schema.type === 'object');
  return isMapping(value) && mapping !== undefined ? conformObject(value, mapping) : value;
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

/** The schema of one key of a mapping; undefined if it has none. */
function childSchema({ properties = {}, additionalProperties }: JsonSchema, key: string): JsonSchema | undefined {
  const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
  return property ?? (additionalProperties === false ? undefined : additionalProperties);
}

/** Of a configuration or endpoint file. Far more than a person writes; explaining what is wrong takes a second for 1 MiB. */
export const MAX_YAML_BYTES = 256 * 1024;

/** Reading two small files takes no time; longer than this means a file system that hangs. */
const READ_TIMEOUT_MS = 10_000;

/** A file after reading, or everything that is wrong with it. Neither for one that need not be there. */
interface ParsedFile {
  readonly source?: YamlSource;
  readonly problems: readonly Problem[];
}

interface FileRole {
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
    return await ledger.read(file, { maxBytes: MAX_YAML_BYTES, signal: deadline });
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
