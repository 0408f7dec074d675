import { clip } from '../errors/index.js';
import type { JsonValue } from '../duckdb/index.js';

/**
 * What a change does to the values that a schema accepts. `narrows`: it may refuse some that were accepted. `widens`: it may
 * accept some that were refused. `both`: either, or a comparison cannot know. `none`: neither.
 */
export type Effect = 'narrows' | 'widens' | 'both' | 'none';

/** One difference between two schemas. */
export interface SchemaChange {
  /** `address.zip`, `points[]`; empty for the whole. */
  readonly at: string;
  readonly effect: Effect;
  /** What changed, as a program knows it. */
  readonly code: ChangeCode;
  readonly from?: JsonValue | undefined;
  readonly to?: JsonValue | undefined;
}

export type ChangeCode =
  | 'member_added'
  | 'required_member_added'
  | 'member_removed'
  | 'member_renamed'
  | 'required'
  | 'optional'
  | 'others_refused'
  | 'others_accepted'
  | 'type_changed'
  | 'null_added'
  | 'null_removed'
  | 'values_removed'
  | 'values_added'
  | 'values_limited'
  | 'values_unlimited'
  | `keyword:${string}`
  | `note:${string}`;

/** Whether a schema describes what clients send or what they get. */
export type Side = 'input' | 'output';

/** Clients send what the old input schema accepts, and understand what the old output schema accepts. */
export function breaksClients({ effect }: SchemaChange, side: Side): boolean {
  return effect === 'both' || effect === (side === 'input' ? 'narrows' : 'widens');
}

/** A change as a sentence, with what it means to clients if it breaks them. */
export function describeChange(change: SchemaChange, side: Side): string {
  const { at, code } = change;
  const noun = side === 'input' ? 'parameter' : 'result';
  const place = at === '' ? `the whole ${noun}` : `${noun} "${clip(at, 100)}"`;
  const text = code.includes(':') ? describeKey(change, place) : describeMember(change, place, side);
  return breaksClients(change, side) ? `${text}${consequence(change, side)}` : text;
}

function consequence({ code }: SchemaChange, side: Side): string {
  if (side === 'output') return OUTPUT_CONSEQUENCES[code] ?? '; clients may get what they do not expect';
  return INPUT_CONSEQUENCES[code] ?? '; calls that were valid may be refused';
}

const INPUT_CONSEQUENCES: Readonly<Record<string, string>> = {
  required_member_added: '; calls without it are refused',
  required: '; calls without it are refused',
  member_removed: '; calls that give it are refused or do something else',
  member_renamed: '; calls with the old name are refused or do something else',
  member_added: '; any other member was accepted, so calls may give it in another form',
};

const OUTPUT_CONSEQUENCES: Readonly<Record<string, string>> = {
  member_removed: '; clients that read it find nothing',
  member_renamed: '; clients that read the old name find nothing',
  optional: '; clients that read it may find nothing',
  null_added: '; clients that read it may find nothing',
  member_added: '; no other member was allowed, so strict clients refuse the result',
  required_member_added: '; no other member was allowed, so strict clients refuse the result',
};

function describeMember({ code, from, to }: SchemaChange, place: string, side: Side): string {
  switch (code) {
    case 'member_added':
      return `${place} is new${side === 'input' ? ' and optional' : ''}`;
    case 'required_member_added':
      return `${place} is new${side === 'input' ? ' and required' : ''}`;
    case 'member_removed':
      return `${place} was removed`;
    case 'member_renamed':
      return `${place} was renamed to "${clip(String(to), 100)}"`;
    case 'required':
      return side === 'input' ? `${place} is required now` : `${place} is always there now`;
    case 'optional':
      return side === 'input' ? `${place} is optional now` : `${place} may be left out now`;
    case 'others_refused':
      return `${place} accepts no other members any longer`;
    case 'others_accepted':
      return `${place} may have other members now`;
    case 'type_changed':
      return `${place} has type ${toTypes(to)} instead of ${toTypes(from)}`;
    case 'null_added':
      return `${place} may be null now`;
    case 'null_removed':
      return `${place} is never null any longer`;
    default:
      return describeValues({ code, from, to }, place);
  }
}

function describeValues({ code, from, to }: Pick<SchemaChange, 'code' | 'from' | 'to'>, place: string): string {
  if (code === 'values_removed') return `${place} can no longer be ${toList(from)}`;
  if (code === 'values_added') return `${place} can also be ${toList(to)}`;
  return code === 'values_limited'
    ? `${place} can only be ${toList(to)}`
    : `${place} is not limited to ${toList(from)}`;
}

/** Of keywords that restrict a value, and of notes. */
function describeKey({ code, from, to }: SchemaChange, place: string): string {
  const [, key = ''] = code.split(':', 2);
  if (key === 'description') return `the description of ${place} changed`;
  if (key === 'anyOf' || (from === undefined && to === undefined)) return `${place} has another \`${key}\``;
  if (from === undefined || from === false) return `${place} has \`${key}\` ${toText(to)} now`;
  if (to === undefined || to === false) return `${place} has no \`${key}\` any longer; it was ${toText(from)}`;
  return `${place} has \`${key}\` ${toText(to)} instead of ${toText(from)}`;
}

function toTypes(types: JsonValue | undefined): string {
  const names = Array.isArray(types) ? types : [];
  // All types together are what a schema without a type accepts.
  if (names.length >= 5) return 'any';
  return names.length === 0 ? 'none' : names.join(' or ');
}

function toList(values: JsonValue | undefined): string {
  const listed = Array.isArray(values) ? values : [];
  return clip(listed.map((value) => JSON.stringify(value)).join(', '), 200);
}

function toText(value: JsonValue | undefined): string {
  if (typeof value === 'object' && value !== null && 'exclusive' in value)
    return `${String(value['exclusive'])} (exclusive)`;
  return clip(JSON.stringify(value) ?? 'nothing', 100);
}
