import { type JsonObject, type JsonValue, toOrderedObject } from '../../duckdb/index.js';
import { type AnswerChange, hasSensitive } from '../../policies/index.js';
import { MASK, type TypeDefinition } from '../../values/index.js';

/** An answer that does not have the form that a rule needs. It is not passed on, because the rule protects something in it. */
export class UnfitAnswerError extends Error {}

/** Changes an item of a list, or an answer that is no list; undefined if nothing of it may be shown. */
type PartChange = (part: JsonValue) => JsonValue | undefined;

/** Makes the changes one after the other, until nothing is left. What it returns throws `UnfitAnswerError`. */
export function toPartChange(
  changes: readonly AnswerChange[],
  { returns, isList }: { readonly returns: TypeDefinition | undefined; readonly isList: boolean },
): PartChange {
  const all = changes.map(({ action, fields }): PartChange => {
    if (action === 'filter_fields') return changeFields(fields, () => undefined);
    if (action === 'mask_fields') return changeFields(fields, () => MASK);
    const type = isList ? itemType(returns) : returns;
    return (part) => (type === undefined ? undefined : withoutSensitive(part, type));
  });
  return (part) => {
    let kept: JsonValue | undefined = part;
    for (const change of all) if (kept !== undefined) kept = change(kept);
    if (kept === undefined && !isList && isObject(part)) throw new UnfitAnswerError('the whole answer is sensitive');
    return kept;
  };
}

/** Undefined if no item may be shown. */
function itemType(returns: TypeDefinition | undefined): TypeDefinition | undefined {
  return returns?.type === 'array' && returns.sensitive !== true ? returns.items : undefined;
}

/** Names are compared without case, as SQL compares the names of columns. */
function changeFields(fields: readonly string[], replace: () => JsonValue | undefined): PartChange {
  const chosen = new Set(fields.map((field) => field.toLowerCase()));
  return (part) => {
    if (part === null) return part;
    if (!isObject(part)) throw new UnfitAnswerError('the answer has no fields');
    return mapMembers(part, (name, member) => (chosen.has(name.toLowerCase()) ? replace() : member));
  };
}

/**
 * Removes everything that is declared `sensitive`, at any depth; undefined if nothing of the value may be shown. A value that is not
 * of its declared type, and so may have its sensitive parts anywhere, counts as sensitive.
 */
function withoutSensitive(value: JsonValue, type: TypeDefinition): JsonValue | undefined {
  if (type.sensitive === true) return undefined;
  if (value === null || !hasSensitive(type)) return value;
  const { items, properties = {} } = type;
  if (type.type === 'array') {
    if (!Array.isArray(value) || items === undefined) return undefined;
    return value.flatMap((item) => {
      const kept = withoutSensitive(item, items);
      return kept === undefined ? [] : [kept];
    });
  }
  if (!isObject(value)) return undefined;
  const declared = new Map(Object.entries(properties).map(([name, member]) => [name.toLowerCase(), member]));
  return mapMembers(value, (name, member) => {
    const memberType = Object.hasOwn(properties, name) ? properties[name] : declared.get(name.toLowerCase());
    return memberType === undefined ? member : withoutSensitive(member, memberType);
  });
}

/** Leaves out the members that become undefined. Keeps the order, and any name that an object can have. */
function mapMembers(value: JsonObject, change: (name: string, member: JsonValue) => JsonValue | undefined): JsonObject {
  const members = Object.entries(value).flatMap(([name, member]) => {
    const changed = change(name, member);
    return changed === undefined ? [] : [[name, changed] as const];
  });
  return toOrderedObject(members);
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
