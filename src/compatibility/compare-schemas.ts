import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, JsonValue } from '../duckdb/index.js';
import { compareKeywords } from './compare-keywords.js';
import type { Effect, SchemaChange } from './schema-changes.js';
import { type Form, toForms, toObject, VALUE_KINDS, withoutNotes } from './schema-forms.js';

/**
 * All differences between two schemas. Sound: if none narrows, every value that `from` accepts is accepted by `to`; if none
 * widens, the reverse. A form that is not understood counts as both, unless it is the same in both.
 */
export function compareSchemas(from: JsonValue | undefined, to: JsonValue | undefined, at = ''): SchemaChange[] {
  // A schema that is left out accepts anything, and so do the items and members of what accepts anything, without end.
  if (isDeepStrictEqual(from ?? {}, to ?? {})) return [];
  return [...compareForms(from, to, at), ...compareNotes(toObject(from), toObject(to), at)];
}

function compareForms(from: JsonValue | undefined, to: JsonValue | undefined, at: string): SchemaChange[] {
  if (isDeepStrictEqual(withoutNotes(from), withoutNotes(to))) return memberNotes(from, to, at);
  const before = toForms(from);
  const after = toForms(to);
  // Types that JSON Schema does not have, in a file that was written by hand.
  if (![before, after].some((forms) => Object.values(forms).flat().length > 0))
    return [{ at, effect: 'both', code: 'keyword:type' }];
  const typeChange = findTypeChange(from, to, at);
  const changes: SchemaChange[] = typeChange === undefined ? [] : [typeChange];
  for (const kind of VALUE_KINDS) {
    const [old, other] = before[kind];
    const [now, another] = after[kind];
    if (other !== undefined || another !== undefined) {
      // Several forms of one kind are only found equal or different.
      if (!isDeepStrictEqual(before[kind].map(toComparable), after[kind].map(toComparable)))
        changes.push({ at, effect: 'both', code: 'keyword:anyOf' });
    } else if (old !== undefined && now !== undefined) {
      changes.push(...compareKeywords(old, now, at), ...compareWithin(old, now, at));
    } else if (kind === 'null' && (old ?? now) !== undefined)
      changes.push(
        old === undefined
          ? { at, effect: 'widens', code: 'null_added' }
          : { at, effect: 'narrows', code: 'null_removed' },
      );
  }
  return changes;
}

function toComparable({ isInteger, schema, values }: Form): unknown {
  return { isInteger, values, schema: withoutNotes(schema) };
}

/** One change for the types of a value, although a kind disappears and another one appears. Null is reported by itself. */
function findTypeChange(from: JsonValue | undefined, to: JsonValue | undefined, at: string): SchemaChange | undefined {
  const before = typesOf(from);
  const after = typesOf(to);
  const covers = (types: readonly string[], type: string): boolean =>
    types.includes(type) || (type === 'integer' && types.includes('number'));
  const narrows = before.some((type) => !covers(after, type));
  const widens = after.some((type) => !covers(before, type));
  if (!narrows && !widens) return undefined;
  const effect = narrows && widens ? 'both' : narrows ? 'narrows' : 'widens';
  return { at, effect, code: 'type_changed', from: before, to: after };
}

function typesOf(schema: JsonValue | undefined): string[] {
  const forms = Object.values(toForms(schema)).flat();
  const names = forms.filter(({ kind }) => kind !== 'null').map((form) => (form.isInteger ? 'integer' : form.kind));
  return [...new Set(names)].sort();
}

function compareWithin(from: Form, to: Form, at: string): SchemaChange[] {
  if (from.kind === 'array') return compareSchemas(from.schema['items'], to.schema['items'], `${at}[]`);
  return from.kind === 'object' ? compareMembers(from.schema, to.schema, at) : [];
}

const NOTES = ['description', 'title', 'examples', 'default'] as const;

/** What explains a value changes what models do with it, but refuses nothing. */
function compareNotes(from: JsonObject, to: JsonObject, at: string): SchemaChange[] {
  return NOTES.filter((note) => !isDeepStrictEqual(from[note], to[note])).map((note) => {
    return { at, effect: 'none', code: `note:${note}`, from: from[note], to: to[note] };
  });
}

/** The notes within two schemas that otherwise are the same. */
function memberNotes(from: JsonValue | undefined, to: JsonValue | undefined, at: string): SchemaChange[] {
  const before = toForms(from);
  const after = toForms(to);
  return [
    ...pairs(before.array, after.array).flatMap(([old, now]) => compareWithin(old, now, at)),
    ...pairs(before.object, after.object).flatMap(([old, now]) => compareWithin(old, now, at)),
  ];
}

function pairs<T>(first: readonly T[], second: readonly T[]): readonly (readonly [T, T])[] {
  return first.flatMap((each, index) => {
    const other = second[index];
    return other === undefined ? [] : [[each, other] as const];
  });
}

interface Members {
  readonly properties: JsonObject;
  readonly required: ReadonlySet<string>;
  /** What members have that are not declared: true for anything, false for nothing. */
  readonly others: JsonValue;
}

function toMembers({ properties, required, additionalProperties = true }: JsonObject): Members {
  const names = Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
  const others = isAnything(additionalProperties) ? true : additionalProperties;
  return { properties: toObject(properties), required: new Set(names), others };
}

function isAnything(schema: JsonValue | undefined): boolean {
  return schema !== false && Object.keys(toObject(withoutNotes(schema))).length === 0;
}

function compareMembers(fromSchema: JsonObject, toSchema: JsonObject, at: string): SchemaChange[] {
  const from = toMembers(fromSchema);
  const to = toMembers(toSchema);
  const renamed = findRenamed(from, to);
  const names = new Set([
    ...Object.keys(from.properties),
    ...Object.keys(to.properties),
    ...from.required,
    ...to.required,
  ]);
  const changes = [...names].sort().flatMap((name) => {
    const newName = renamed.get(name);
    const place = at === '' ? name : `${at}.${name}`;
    if (newName !== undefined)
      return [{ at: place, effect: 'both', code: 'member_renamed', from: name, to: newName } as const];
    return [...renamed.values()].includes(name) ? [] : compareMember(name, [from, to], place);
  });
  return [...changes, ...compareOthers(from.others, to.others, at)];
}

function compareMember(name: string, [from, to]: readonly [Members, Members], at: string): SchemaChange[] {
  const isIn = ({ properties }: Members): boolean => Object.hasOwn(properties, name);
  const isRequired = to.required.has(name) && !from.required.has(name);
  const isOptional = from.required.has(name) && !to.required.has(name);
  if (isIn(from) && !isIn(to)) return [{ at, effect: 'both', code: 'member_removed' }];
  if (!isIn(from) && isIn(to)) {
    const effect = effectOfAdding(from.others, to.properties[name]);
    if (!isRequired) return [{ at, effect, code: 'member_added' }];
    return [{ at, effect: effect === 'narrows' ? effect : 'both', code: 'required_member_added' }];
  }
  return [
    ...(isRequired ? [{ at, effect: 'narrows', code: 'required' } as const] : []),
    ...(isOptional ? [{ at, effect: 'widens', code: 'optional' } as const] : []),
    ...(isIn(from) ? compareSchemas(from.properties[name], to.properties[name], at) : []),
  ];
}

/** Where other members were accepted, a caller may have sent this one in any form. */
function effectOfAdding(others: JsonValue, schema: JsonValue | undefined): Effect {
  if (others === false) return 'widens';
  if (others !== true) return 'both';
  return isAnything(schema) ? 'none' : 'narrows';
}

function compareOthers(from: JsonValue, to: JsonValue, at: string): SchemaChange[] {
  if (isDeepStrictEqual(withoutNotes(from), withoutNotes(to))) return [];
  if (to === false) return [{ at, effect: 'narrows', code: 'others_refused' }];
  if (from === false) return [{ at, effect: 'widens', code: 'others_accepted' }];
  return compareSchemas(from, to, at === '' ? '*' : `${at}.*`);
}

/** New names by old ones: members that disappeared, where exactly one new member has the same schema. */
function findRenamed(from: Members, to: Members): ReadonlyMap<string, string> {
  const only = (members: Members, others: Members): readonly string[] =>
    Object.keys(members.properties).filter((name) => !Object.hasOwn(others.properties, name));
  const [removed, added] = [only(from, to), only(to, from)];
  const isSame = (old: string, now: string): boolean =>
    from.required.has(old) === to.required.has(now) &&
    isDeepStrictEqual(withoutNotes(from.properties[old]), withoutNotes(to.properties[now]));
  const candidates = (old: string): readonly string[] => added.filter((now) => isSame(old, now));
  return new Map(
    removed.flatMap((old) => {
      const [now, another] = candidates(old);
      const isOnly =
        now !== undefined && another === undefined && removed.filter((each) => isSame(each, now)).length === 1;
      return isOnly ? [[old, now] as const] : [];
    }),
  );
}
