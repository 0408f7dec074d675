import { messageOf, clip, suggestion } from '../../errors/index.js';
import {
  coerce,
  compilePattern,
  explainUnportable,
  parseExact,
  type SchemaCheck,
  SchemaCompiler,
  toWhole,
  type TypeDefinition,
  type ValueType,
} from '../../values/index.js';
import type { Finding, KeyPath } from '../../yaml/index.js';

/** A type within another one, and its place in the file. */
interface TypePlace {
  readonly type: TypeDefinition;
  readonly at: KeyPath;
  /** `address.zip`, `points[]` */
  readonly name: string;
}

/** A type and all types within it. */
export function typesIn(type: TypeDefinition, at: KeyPath, name = type.name ?? ''): readonly TypePlace[] {
  const { items, properties = {} } = type;
  return [
    { type, at, name },
    ...(items === undefined ? [] : typesIn(items, [...at, 'items'], `${name}[]`)),
    ...Object.entries(properties).flatMap(([key, property]) =>
      typesIn(property, [...at, 'properties', key], `${name}.${key}`),
    ),
  ];
}

/** What the schema of a single key cannot find: keys that contradict each other, and keys that no value can satisfy. */
export function checkType(type: TypeDefinition, at: KeyPath): Finding[] {
  return findIn(type, at, (one) => [
    ...findEmptyRanges(one),
    ...findUnfitEnum(one),
    ...findUnquotedEnum(one),
    ...findBadNames(one),
  ]);
}

/** What is probably not intended, but is served: projects written for other implementations have it. */
export function warnOfType(type: TypeDefinition, at: KeyPath): Finding[] {
  return findIn(type, at, (one) => [
    ...findForeignKeywords(one),
    ...findUnquotedValues(one),
    ...findUnportablePattern(one),
  ]);
}

/** Members of a parameter whose names Claude refuses, and then all tools of a request. */
export function warnOfMembers(parameter: TypeDefinition, at: KeyPath): Finding[] {
  const isRefused = (member: string): boolean => !/^[\w.-]{1,64}$/.test(member);
  return typesIn(parameter, at).flatMap(({ type, at: place }) =>
    Object.keys(type.properties ?? {})
      .filter(isRefused)
      .map((member) => ({
        at: [...place, 'properties', member],
        message: `some clients refuse all tools because of the member "${clip(member, 100)}"; use at most 64 letters, digits, "_", "-" and "."`,
      })),
  );
}

function findIn(type: TypeDefinition, at: KeyPath, find: (type: TypeDefinition) => Finding[]): Finding[] {
  return typesIn(type, at).flatMap((place) =>
    find(place.type).map((finding) => ({ ...finding, at: [...place.at, ...finding.at] })),
  );
}

const LIMITS = [
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
  ['minimum', 'maximum'],
  ['minimum', 'exclusiveMaximum'],
  ['exclusiveMinimum', 'maximum'],
  ['exclusiveMinimum', 'exclusiveMaximum'],
] as const;

function findEmptyRanges(type: TypeDefinition): Finding[] {
  return LIMITS.flatMap(([lower, upper]) => {
    const low = type[lower];
    const high = type[upper];
    if (low === undefined || high === undefined || low < high) return [];
    if (low === high && !`${lower}${upper}`.includes('exclusive')) return [];
    return [{ at: [lower], message: `no value can have \`${lower}\` ${low} and \`${upper}\` ${high}` }];
  });
}

function findUnfitEnum(type: TypeDefinition): Finding[] {
  return (type.enum ?? []).flatMap((value, index) => {
    // Null means that the value is left out.
    if (value === null || hasType(type.type, coerce(type, value))) return [];
    const message = `\`enum\` has ${JSON.stringify(value)}, which cannot be a value of type ${type.type}`;
    return [{ at: ['enum', index], message }];
  });
}

function hasType(type: ValueType, value: unknown): boolean {
  // A whole number that a double cannot hold is kept as text.
  const exact = typeof value === 'string' && type !== 'string' ? parseExact(value) : undefined;
  const isLarge = exact !== undefined && toWhole(exact) !== undefined;
  switch (type) {
    case 'integer':
      return Number.isInteger(value) || isLarge;
    case 'number':
      return typeof value === 'number' || isLarge;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

/** `yes` in an enum of texts is `true` in YAML, which no text of a client equals; refusing it breaks no working call. */
function findUnquotedEnum(type: TypeDefinition): Finding[] {
  return (type.enum ?? []).flatMap((listed, index) =>
    findUnquoted(type, listed, ['enum', index]).map(({ at, value, text }) => {
      const message = `\`enum\` has ${value} without quotes, which is ${kindOf(value)} and not text; put it in quotes`;
      return { at, message, becomes: text };
    }),
  );
}

function findUnquotedValues(type: TypeDefinition): Finding[] {
  const { default: standard, examples = [] } = type;
  const found = [
    ...findUnquoted(type, standard, ['default']),
    ...examples.flatMap((each, index) => findUnquoted(type, each, ['examples', index])),
  ];
  return found.map(({ at, value, text }) => {
    const message = `\`${at[0]}\` has ${value} without quotes, which is ${kindOf(value)} and becomes the text "${text}"; put it in quotes`;
    return { at, message, becomes: text };
  });
}

/** A value where the type is text, but which YAML reads as something else. */
interface UnquotedValue {
  readonly at: KeyPath;
  readonly value: number | boolean;
  /** The text that it becomes, which for `no`, `1.0` and `010` is not what was written. */
  readonly text: string;
}

/** Unquoted texts in a value of a type. Whole numbers that a double cannot hold are read as text. */
function findUnquoted(type: TypeDefinition, value: unknown, at: KeyPath): readonly UnquotedValue[] {
  const { items, properties = {} } = type;
  if (type.type === 'string') {
    if (typeof value !== 'number' && typeof value !== 'boolean') return [];
    const text = coerce(type, value);
    return typeof text === 'string' ? [{ at, value, text }] : [];
  }
  if (Array.isArray(value))
    return items === undefined ? [] : value.flatMap((item, index) => findUnquoted(items, item, [...at, index]));
  if (typeof value !== 'object' || value === null) return [];
  const members = new Map<string, unknown>(Object.entries(value));
  return Object.entries(properties).flatMap(([name, property]) =>
    findUnquoted(property, members.get(name), [...at, name]),
  );
}

function kindOf(value: number | boolean): string {
  return typeof value === 'number' ? 'a number' : 'a boolean';
}

function findBadNames({ pattern, properties, required = [] }: TypeDefinition): Finding[] {
  const unknown = properties === undefined ? [] : required.filter((name) => !Object.hasOwn(properties, name));
  const findings: Finding[] = unknown.map((name) => ({
    at: ['required'],
    message: () =>
      `\`required\` names "${clip(name, 100)}", which is not in \`properties\`${suggestion(name, Object.keys(properties ?? {}))}`,
  }));
  try {
    if (pattern !== undefined) compilePattern(pattern);
  } catch (error) {
    findings.push({ at: ['pattern'], message: `\`pattern\` is not a regular expression: ${messageOf(error)}` });
  }
  return findings;
}

/** A pattern that is wrong everywhere is a mistake, and reported as one. */
function findUnportablePattern({ pattern }: TypeDefinition): Finding[] {
  const reason = pattern === undefined ? undefined : explainUnportable(pattern);
  if (reason === undefined) return [];
  const message = `\`pattern\` ${reason}; values are checked with it, but clients do not get it`;
  return [{ at: ['pattern'], message }];
}

const KEYWORDS: readonly (readonly [readonly ValueType[], readonly (keyof TypeDefinition)[]])[] = [
  [['string'], ['minLength', 'maxLength', 'pattern']],
  [
    ['number', 'integer'],
    ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
  ],
  [['array'], ['items', 'minItems', 'maxItems', 'uniqueItems']],
  [['object'], ['properties', 'required', 'additionalProperties']],
];

/** JSON Schema ignores a keyword of another type, so what its author wanted to check is not checked. */
function findForeignKeywords(type: TypeDefinition): Finding[] {
  return KEYWORDS.filter(([types]) => !types.includes(type.type)).flatMap(([types, keywords]) =>
    keywords
      .filter((keyword) => type[keyword] !== undefined)
      .map((keyword) => ({
        at: [keyword],
        message: `\`${keyword}\` is for ${types.join(' and ')} and has no effect on type ${type.type}`,
      })),
  );
}

/**
 * Finds defaults that do not fit their type: every call that relies on such a default would fail. One instance for a whole
 * load, because creating a compiler takes 15 ms and compiling a schema more than 1 ms.
 */
export class DefaultCheck {
  #compiler: SchemaCompiler | undefined;
  readonly #checks = new Map<string, SchemaCheck>();

  /** Checks the default of a type, and those of the types within it. */
  check(type: TypeDefinition, at: KeyPath): Finding[] {
    return typesIn(type, at).flatMap((place) => {
      const { default: value } = place.type;
      if (value === undefined || value === null) return [];
      const reasons = this.#checkFor(place.type)(coerce(place.type, value), 'it');
      if (reasons === undefined) return [];
      return [{ at: [...place.at, 'default'], message: `the default of "${place.name}" does not fit: ${reasons}` }];
    });
  }

  /** Types share a check if they differ only in what a check ignores. */
  #checkFor(type: TypeDefinition): SchemaCheck {
    const { name: _name, description: _description, default: _default, examples: _examples, ...bare } = type;
    const key = JSON.stringify(bare);
    const known = this.#checks.get(key);
    if (known !== undefined) return known;
    this.#compiler ??= new SchemaCompiler();
    const check = this.#compiler.checkOf(bare, 'input');
    this.#checks.set(key, check);
    return check;
  }
}
