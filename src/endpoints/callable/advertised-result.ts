import { type FieldChanges, hasSensitive } from '../../policies/index.js';
import type { TypeDefinition } from '../../values/index.js';

/**
 * What clients learn of a result that policies may change: clients refuse an answer that does not fit. What may be left out is not
 * required, and a masked field, which is a text then, is not declared.
 */
export function toAdvertisedType(returns: TypeDefinition, changes: FieldChanges): TypeDefinition {
  const declared = changes.withoutSensitive ? withoutSensitive(returns) : returns;
  const { items } = declared;
  if (declared.type === 'object') return changeRow(declared, changes);
  return items?.type === 'object' ? { ...declared, items: changeRow(items, changes) } : declared;
}

function changeRow(row: TypeDefinition, { filtered, masked }: FieldChanges): TypeDefinition {
  if (filtered.length + masked.length === 0) return row;
  const isIn = (fields: readonly string[]) => {
    const lower = new Set(fields.map((field) => field.toLowerCase()));
    return (name: string): boolean => lower.has(name.toLowerCase());
  };
  const [isFiltered, isMasked] = [isIn(filtered), isIn(masked)];
  const properties = Object.entries(row.properties ?? {}).filter(([name]) => !isMasked(name));
  return {
    ...row,
    ...(row.properties !== undefined && { properties: Object.fromEntries(properties) }),
    ...(row.required !== undefined && { required: row.required.filter((name) => !isFiltered(name)) }),
    ...(masked.length > 0 && { additionalProperties: undefined }),
  };
}

/** A list whose items are sensitive becomes shorter. */
function withoutSensitive(type: TypeDefinition): TypeDefinition {
  if (!hasSensitive(type)) return type;
  const { items, properties, required } = type;
  const isKept = (name: string): boolean =>
    properties === undefined || !Object.hasOwn(properties, name) || properties[name]?.sensitive !== true;
  const members = Object.entries(properties ?? {}).map(([name, member]) => [name, withoutSensitive(member)] as const);
  return {
    ...type,
    minItems: undefined,
    ...(items !== undefined && { items: withoutSensitive(items) }),
    ...(properties !== undefined && { properties: Object.fromEntries(members) }),
    ...(required !== undefined && { required: required.filter(isKept) }),
  };
}
