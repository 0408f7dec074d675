import { messageOf, type Problem, suggestion } from '../../errors/index.js';
import {
  coerce,
  compilePattern,
  parseExact,
  toWhole,
  type TypeDefinition,
  type ValueType,
} from '../../values/index.js';
import type { KeyPath, YamlSource } from '../../yaml/index.js';
import { problemAt } from './schema-problems.js';

const NUMBERS = ['number', 'integer'] as const;

/** JSON Schema passes over a keyword of another type, so what its author wanted checked goes through unchecked. */
const TYPES_OF_KEYWORD = {
  minLength: ['string'],
  maxLength: ['string'],
  pattern: ['string'],
  minimum: NUMBERS,
  maximum: NUMBERS,
  exclusiveMinimum: NUMBERS,
  exclusiveMaximum: NUMBERS,
  multipleOf: NUMBERS,
  items: ['array'],
  minItems: ['array'],
  maxItems: ['array'],
  uniqueItems: ['array'],
  properties: ['object'],
  required: ['object'],
  additionalProperties: ['object'],
} as const satisfies Partial<Record<keyof TypeDefinition, readonly ValueType[]>>;

type Keyword = keyof typeof TYPES_OF_KEYWORD;

interface Limits {
  readonly lower: 'minLength' | 'minItems' | 'minimum' | 'exclusiveMinimum';
  readonly upper: 'maxLength' | 'maxItems' | 'maximum' | 'exclusiveMaximum';
  /** Whether both may be the same number. */
  readonly mayMeet: boolean;
}

const LIMITS: readonly Limits[] = [
  { lower: 'minLength', upper: 'maxLength', mayMeet: true },
  { lower: 'minItems', upper: 'maxItems', mayMeet: true },
  { lower: 'minimum', upper: 'maximum', mayMeet: true },
  { lower: 'minimum', upper: 'exclusiveMaximum', mayMeet: false },
  { lower: 'exclusiveMinimum', upper: 'maximum', mayMeet: false },
  { lower: 'exclusiveMinimum', upper: 'exclusiveMaximum', mayMeet: false },
];

/** What no schema of a single key can say about a type: keys that do not go together, or that nothing can satisfy. */
export function checkType(type: TypeDefinition, path: KeyPath, source: YamlSource): Problem[] {
  const findings = (one: TypeDefinition): Finding[] => [
    ...emptyRanges(one),
    ...unfitValues(one),
    ...unquotedInEnum(one),
    ...badNames(one),
  ];
  return toProblems(findInAll(type, path, findings), source);
}

/** What is hardly meant as it stands: projects that were written for other implementations have it, and are served. */
export function warnOfType(type: TypeDefinition, path: KeyPath, source: YamlSource): Problem[] {
  const findings = (one: TypeDefinition): Finding[] => [...foreignKeywords(one), ...unquotedElsewhere(one)];
  return toProblems(findInAll(type, path, findings), source);
}

function toProblems(findings: readonly Finding[], source: YamlSource): Problem[] {
  return findings
    .filter(({ at, becomes }) => becomes === undefined || source.plainText(at) !== becomes)
    .map(({ at, message }) => problemAt(at, message, source));
}

/** Something about a type, and the key that it is about. */
interface Finding {
  readonly at: KeyPath;
  readonly message: string;
  /** The text that the value there becomes: when it is the one that stands in the file, nothing is wrong. */
  readonly becomes?: string;
}

function findInAll(
  type: TypeDefinition,
  path: KeyPath,
  findIn: (type: TypeDefinition) => readonly Finding[],
): Finding[] {
  const own = findIn(type).map((finding) => ({ ...finding, at: [...path, ...finding.at] }));
  const inItems = type.items === undefined ? [] : findInAll(type.items, [...path, 'items'], findIn);
  const inProperties = Object.entries(type.properties ?? {}).flatMap(([name, property]) =>
    findInAll(property, [...path, 'properties', name], findIn),
  );
  return [...own, ...inItems, ...inProperties];
}

function foreignKeywords(type: TypeDefinition): Finding[] {
  // The keys of an object literal are those of its type.
  return (Object.keys(TYPES_OF_KEYWORD) as Keyword[]).flatMap((keyword) => {
    const types: readonly ValueType[] = TYPES_OF_KEYWORD[keyword];
    if (type[keyword] === undefined || types.includes(type.type)) return [];
    const message = `"${keyword}" is for ${types.join(' and ')}, and checks nothing of type ${type.type}`;
    return [{ at: [keyword], message }];
  });
}

function emptyRanges(type: TypeDefinition): Finding[] {
  return LIMITS.flatMap(({ lower, upper, mayMeet }) => {
    const low = type[lower];
    const high = type[upper];
    if (low === undefined || high === undefined || low < high || (mayMeet && low === high)) return [];
    return [{ at: [lower], message: `no value can have "${lower}" ${low} and "${upper}" ${high}` }];
  });
}

function unfitValues(type: TypeDefinition): Finding[] {
  return (type.enum ?? []).flatMap((value, index) => {
    // Null stands for a value that is left out.
    if (value === null || hasType(type.type, coerce(type, value))) return [];
    const message = `"enum" lists ${JSON.stringify(value)}, which cannot be a value of type ${type.type}`;
    return [{ at: ['enum', index], message }];
  });
}

/** No text that a caller sends is `yes` when `true` is listed, so nothing that was ever called loses by a refusal. */
function unquotedInEnum(type: TypeDefinition): Finding[] {
  return (type.enum ?? []).flatMap((listed, index) =>
    findUnquoted(type, listed, ['enum', index]).map(({ at, value, text }) => {
      const message = `"enum" lists ${value} without quotes, which is ${kindOf(value)} and no text; put it in quotes`;
      return { at, message, becomes: text };
    }),
  );
}

function unquotedElsewhere(type: TypeDefinition): Finding[] {
  const { default: standard, examples = [] } = type;
  const toFinding = ({ at, value, text }: UnquotedValue): Finding => {
    const message = `"${at[0]}" has ${value} without quotes, which is ${kindOf(value)} and becomes the text "${text}"; put it in quotes`;
    return { at, message, becomes: text };
  };
  return [
    ...findUnquoted(type, standard, ['default']),
    ...examples.flatMap((each, index) => findUnquoted(type, each, ['examples', index])),
  ].map(toFinding);
}

function kindOf(value: number | boolean): string {
  return typeof value === 'number' ? 'a number' : 'a truth value';
}

function hasType(type: ValueType, value: unknown): boolean {
  switch (type) {
    case 'integer':
      return Number.isInteger(value) || isExactText(value);
    case 'number':
      return typeof value === 'number' || isExactText(value);
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && !Array.isArray(value);
    default:
      return typeof value === type;
  }
}

/** A whole number that a double cannot hold. */
function isExactText(value: unknown): boolean {
  const exact = typeof value === 'string' ? parseExact(value) : undefined;
  return exact !== undefined && toWhole(exact) !== undefined;
}

function badNames({ pattern, properties, required = [] }: TypeDefinition): Finding[] {
  const badPattern = pattern === undefined ? [] : badRegularExpression(pattern);
  if (properties === undefined) return badPattern;
  const unknown = required.filter((name) => !Object.hasOwn(properties, name));
  const known = Object.keys(properties);
  return [
    ...badPattern,
    ...unknown.map((name) => ({
      at: ['required'],
      message: `"required" names "${name}", which is not in "properties"${suggestion(name, known)}`,
    })),
  ];
}

function badRegularExpression(pattern: string): Finding[] {
  try {
    compilePattern(pattern);
    return [];
  } catch (error) {
    return [{ at: ['pattern'], message: `the pattern is not a regular expression: ${messageOf(error)}` }];
  }
}

/** A value of a definition that YAML reads as no text where the type is text. */
export interface UnquotedValue {
  /** From where the value was looked at. */
  readonly at: KeyPath;
  readonly value: number | boolean;
  /** What becomes of it: not what was written, for `no`, `1.0` and `010`. */
  readonly text: string;
}

/** In a value of a type and in what is within it. Whole numbers that a double cannot hold are text in our YAML. */
export function findUnquoted(
  type: TypeDefinition,
  value: unknown,
  at: KeyPath = [],
): readonly UnquotedValue[] {
  const { items, properties = {} } = type;
  if (type.type === 'string') return toUnquoted(type, value, at);
  if (Array.isArray(value))
    return items === undefined
      ? []
      : value.flatMap((item, index) => findUnquoted(items, item, [...at, index]));
  if (typeof value !== 'object' || value === null) return [];
  const members = new Map<string, unknown>(Object.entries(value));
  return Object.entries(properties).flatMap(([name, property]) =>
    findUnquoted(property, members.get(name), [...at, name]),
  );
}

function toUnquoted(type: TypeDefinition, value: unknown, at: KeyPath): readonly UnquotedValue[] {
  if (typeof value !== 'number' && typeof value !== 'boolean') return [];
  const text = coerce(type, value);
  return typeof text === 'string' ? [{ at, value, text }] : [];
}
