import type { CelType } from '@bufbuild/cel';
import type { DeclaredType } from './declared-type.js';

type ScalarKind = 'int' | 'uint' | 'double' | 'bool' | 'string' | 'bytes' | 'null' | 'timestamp' | 'duration' | 'type';

/** What is known of the value of an expression before it is evaluated. */
export type StaticType = { readonly isNullable?: boolean } & (
  | { readonly kind: 'dyn' }
  | { readonly kind: ScalarKind; readonly values?: readonly unknown[] | undefined }
  | { readonly kind: 'list'; readonly item: StaticType }
  | { readonly kind: 'map'; readonly key: StaticType; readonly value: StaticType }
  | ObjectType
);

/** An object whose members are declared. If it is open, it may have others. */
export interface ObjectType {
  readonly kind: 'object';
  readonly members: ReadonlyMap<string, StaticType>;
  readonly isOpen: boolean;
  /** Members that every such object has. */
  readonly always: ReadonlySet<string>;
}

export const DYN: StaticType = { kind: 'dyn' };
export const BOOL: StaticType = { kind: 'bool' };
export const STRING: StaticType = { kind: 'string' };
const NULLABLE_STRING: StaticType = { kind: 'string', isNullable: true };

/** The user of a call, as conditions read it. */
export const USER_FIELDS = {
  user_id: NULLABLE_STRING,
  username: NULLABLE_STRING,
  email: NULLABLE_STRING,
  provider: NULLABLE_STRING,
  name: NULLABLE_STRING,
  role: STRING,
  permissions: { kind: 'list', item: STRING },
  capabilities: { kind: 'list', item: STRING },
  scopes: { kind: 'list', item: STRING },
} as const satisfies Record<string, StaticType>;

export const USER: StaticType = {
  kind: 'object',
  members: new Map<string, StaticType>(Object.entries(USER_FIELDS)),
  isOpen: false,
  always: new Set(Object.keys(USER_FIELDS)),
};

const SCALARS = { string: 'string', integer: 'int', number: 'double', boolean: 'bool' } as const;

/** The type that a declared value has in conditions. In an answer, any value may be null. */
export function toStaticType(declared: DeclaredType | undefined, isNullable: boolean): StaticType {
  if (declared === undefined) return DYN;
  const { type, items, properties } = declared;
  if (type === 'array') return { kind: 'list', item: toStaticType(items, isNullable), isNullable };
  if (type !== 'object') return { kind: SCALARS[type], values: declared.enum, isNullable };
  const members = Object.entries(properties ?? {}).map(([name, member]): [string, StaticType] => {
    return [name, toStaticType(member, isNullable)];
  });
  const always = new Set(declared.required ?? []);
  const isOpen = properties === undefined || declared.additionalProperties !== false;
  return { kind: 'object', members: new Map(members), isOpen, always, isNullable };
}

/** A type of the library's signatures. */
export function fromCelType(type: CelType): StaticType {
  switch (type.kind) {
    case 'list':
      return { kind: 'list', item: fromCelType(type.element) };
    case 'map':
      return { kind: 'map', key: fromCelType(type.key), value: fromCelType(type.value) };
    case 'object':
      return { kind: type.name.endsWith('Duration') ? 'duration' : 'timestamp' };
    case 'scalar':
      if (type.scalar === 'dyn') return DYN;
      return { kind: type.scalar === 'null_type' ? 'null' : type.scalar };
  }
}

const NUMBERS: ReadonlySet<string> = new Set(['int', 'uint', 'double']);

/** Whether a function that takes `parameter` may be given a value of type `given`. */
export function isAccepted(given: StaticType, parameter: StaticType): boolean {
  if (given.kind === 'dyn' || parameter.kind === 'dyn') return true;
  if (parameter.kind === 'map') return given.kind === 'map' || given.kind === 'object';
  return given.kind === parameter.kind;
}

/** Whether two values of these types can be equal. Numbers of all kinds can be. */
export function canBeEqual(a: StaticType, b: StaticType): boolean {
  if (a.kind === 'dyn' || b.kind === 'dyn') return true;
  if (a.kind === 'null') return b.kind === 'null' || b.isNullable === true;
  if (b.kind === 'null') return a.isNullable === true;
  if (a.isNullable === true && b.isNullable === true) return true;
  if (NUMBERS.has(a.kind) && NUMBERS.has(b.kind)) return true;
  const isMapping = (type: StaticType): boolean => type.kind === 'map' || type.kind === 'object';
  return a.kind === b.kind || (isMapping(a) && isMapping(b));
}

/** The type of a value that is of one or the other. */
export function join(a: StaticType, b: StaticType): StaticType {
  if (a.kind === 'null') return { ...b, isNullable: true };
  if (b.kind === 'null') return { ...a, isNullable: true };
  if (a.kind === 'list' && b.kind === 'list') return { kind: 'list', item: join(a.item, b.item) };
  return a.kind === b.kind && a.kind !== 'object' && a.kind !== 'map' ? a : DYN;
}

const NAMES: Readonly<Record<string, string>> = {
  dyn: 'any value',
  int: 'integer',
  uint: 'unsigned integer',
  double: 'number',
  bool: 'boolean',
  list: 'array',
  map: 'object',
  type: 'type',
};

/** A type as endpoint files name it. */
export function nameOf({ kind }: StaticType): string {
  return NAMES[kind] ?? kind;
}
