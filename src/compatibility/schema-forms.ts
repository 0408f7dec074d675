import type { JsonObject, JsonValue } from '../duckdb/index.js';
import { isMapping } from '../yaml/index.js';

/** A whole number is a number too, so both share a kind. Values of two kinds never equal each other. */
export const VALUE_KINDS = ['string', 'number', 'boolean', 'array', 'object', 'null'] as const;
export type ValueKind = (typeof VALUE_KINDS)[number];

/** What a schema says about the values of one kind. */
export interface Form {
  readonly kind: ValueKind;
  readonly isInteger: boolean;
  readonly schema: JsonObject;
  /** The only values, of this kind; undefined for any. */
  readonly values: readonly JsonValue[] | undefined;
}

export type Forms = Readonly<Record<ValueKind, readonly Form[]>>;

/** What explains a value but does not restrict it. */
const NOTES = new Set([
  'description',
  'title',
  'examples',
  'default',
  '$comment',
  'deprecated',
  'readOnly',
  'writeOnly',
]);

/** The keywords that a comparison understands. Any other one, and an `anyOf` beside others, is a restriction of unknown meaning. */
const KNOWN = new Set(
  (
    'type enum const minLength maxLength pattern format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf ' +
    'items minItems maxItems uniqueItems properties required additionalProperties'
  ).split(' '),
);

export function toObject(schema: JsonValue | undefined): JsonObject {
  // The text of a contract is JSON, so a mapping in it has JSON values.
  return isMapping(schema) ? (schema as JsonObject) : {};
}

/** The values that a schema accepts, kind by kind. */
export function toForms(schema: JsonValue | undefined): Forms {
  const found = schema === false ? [] : formsOf(toObject(schema));
  const ofKind = (kind: ValueKind) => [kind, found.filter((form) => form.kind === kind)] as const;
  // Object.fromEntries loses the type of the keys.
  return Object.fromEntries(VALUE_KINDS.map(ofKind)) as unknown as Forms;
}

function formsOf(schema: JsonObject): readonly Form[] {
  const { anyOf, type } = schema;
  const others = Object.keys(schema).filter((key) => key !== 'anyOf' && !NOTES.has(key));
  if (Array.isArray(anyOf) && others.length === 0)
    return anyOf.flatMap((each) => (each === false ? [] : formsOf(toObject(each))));
  const types = type === undefined ? VALUE_KINDS : Array.isArray(type) ? type : [type];
  return types.flatMap((name) => toForm(name, schema));
}

function toForm(type: JsonValue, schema: JsonObject): readonly Form[] {
  const kind = VALUE_KINDS.find((each) => each === (type === 'integer' ? 'number' : type));
  if (kind === undefined) return [];
  const { enum: listed, const: only } = schema;
  const all = only !== undefined ? [only] : Array.isArray(listed) ? listed : undefined;
  const values = all?.filter((value) => kindOf(value) === kind);
  return values?.length === 0 ? [] : [{ kind, isInteger: type === 'integer', schema, values }];
}

function kindOf(value: JsonValue): ValueKind {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  return type === 'string' || type === 'number' || type === 'boolean' ? type : 'object';
}

/** The restrictions of a schema that a comparison can only find equal or different. */
export function unknownRestrictions(schema: JsonObject): JsonObject {
  const isOther = ([key]: readonly [string, unknown]): boolean => !KNOWN.has(key) && !NOTES.has(key);
  return Object.fromEntries(Object.entries(schema).filter(isOther));
}

/** A schema without its notes, at any depth: equal for schemas that accept the same by the same keywords. */
export function withoutNotes(schema: JsonValue | undefined): JsonValue {
  if (!isMapping(schema)) return schema ?? {};
  const kept = Object.entries(toObject(schema)).filter(([key]) => !NOTES.has(key));
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutNotesIn(key, value)]));
}

function withoutNotesIn(key: string, value: JsonValue): JsonValue {
  if (key === 'properties' && isMapping(value))
    return Object.fromEntries(Object.entries(toObject(value)).map(([name, each]) => [name, withoutNotes(each)]));
  if (key === 'anyOf' && Array.isArray(value)) return value.map(withoutNotes);
  if (key === 'required' && Array.isArray(value)) return value.toSorted();
  return key === 'items' || key === 'additionalProperties' ? withoutNotes(value) : value;
}
