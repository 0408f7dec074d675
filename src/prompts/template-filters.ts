import { plural } from '../errors/index.js';
import { FloatValue, FunctionValue, ListValue, type RuntimeValue, toRuntimeValue } from './jinja-library.js';
import { capitalize, itemsOfObject, passes, uniqueBy } from './template-methods.js';
import { isTruthy, type Outcome, withType } from './template-operators.js';
import { toText } from './template-text.js';

/** The arguments of a filter, by the names of its parameters. */
type Given = Readonly<Partial<Record<string, RuntimeValue>>>;

interface TemplateFilter {
  readonly parameters: readonly string[];
  /** Throws for a value or an argument that the filter does not accept. */
  readonly apply: (value: RuntimeValue | undefined, given: Given) => Outcome;
}

function ofText(apply: (text: string) => string | number): TemplateFilter {
  return { parameters: [], apply: (value) => apply(toText(value)) };
}

const ENTITIES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', "'": '#39', '"': '#34' };
const escape = ofText((text) => text.replace(/[&<>'"]/g, (char) => `&${ENTITIES[char] ?? ''};`));

/** The parameters of `selectattr` and `rejectattr`. */
const SELECTING = ['attribute', 'test', 'value'];

/** Filters that the library lacks, or whose results differ from those of Jinja2. */
export const OWN_FILTERS: ReadonlyMap<string, TemplateFilter> = new Map<string, TemplateFilter>([
  ['capitalize', ofText(capitalize)],
  ['center', { parameters: ['width'], apply: center }],
  ['count', { parameters: [], apply: lengthOf }],
  ['e', escape],
  ['escape', escape],
  ['first', { parameters: [], apply: (value) => sequenceOf(value)[0] ?? toRuntimeValue(undefined) }],
  [
    'float',
    { parameters: ['default'], apply: (value, given) => toFloat(value) ?? given['default'] ?? new FloatValue(0) },
  ],
  ['int', { parameters: ['default'], apply: (value, given) => toWhole(value) ?? given['default'] ?? 0 }],
  ['items', { parameters: [], apply: itemsOfObject }],
  ['join', { parameters: ['d', 'attribute'], apply: join }],
  ['last', { parameters: [], apply: (value) => sequenceOf(value).at(-1) ?? toRuntimeValue(undefined) }],
  ['length', { parameters: [], apply: lengthOf }],
  ['list', { parameters: [], apply: (value) => new ListValue(sequenceOf(value)) }],
  ['max', { parameters: ['case_sensitive', 'attribute'], apply: (value, given) => pick(value, given, 1) }],
  ['min', { parameters: ['case_sensitive', 'attribute'], apply: (value, given) => pick(value, given, -1) }],
  ['rejectattr', { parameters: SELECTING, apply: (value, given) => select(value, given, false) }],
  ['reverse', { parameters: [], apply: reverse }],
  ['round', { parameters: ['precision', 'method'], apply: round }],
  ['selectattr', { parameters: SELECTING, apply: (value, given) => select(value, given, true) }],
  ['string', ofText((text) => text)],
  ['sum', { parameters: ['attribute', 'start'], apply: sum }],
  ['title', ofText((text) => text.replace(/[^-\s({[<]+/g, capitalize))],
  ['truncate', { parameters: ['length', 'killwords', 'end', 'leeway'], apply: truncate }],
  ['unique', { parameters: ['case_sensitive', 'attribute'], apply: unique }],
  ['urlencode', { parameters: [], apply: urlencode }],
  ['wordcount', ofText((text) => text.match(/[\p{L}\p{M}\p{N}_]+/gu)?.length ?? 0)],
]);

/** The filter as a function of the library, called with the value and the arguments; named arguments come last. */
export function toFunction({ parameters, apply }: TemplateFilter): RuntimeValue {
  return new FunctionValue(([value, ...args]) => {
    const named = args.at(-1)?.type === 'KeywordArgumentsValue' ? args.pop()?.value : undefined;
    if (args.length > parameters.length)
      throw new Error(`at most ${plural(parameters.length, 'argument')} can be given`);
    const given = {
      ...Object.fromEntries(parameters.map((name, index) => [name, args[index]])),
      ...(named instanceof Map ? Object.fromEntries(named) : {}),
    };
    return toValue(apply(value, given));
  });
}

export function toValue(outcome: Outcome): RuntimeValue {
  return typeof outcome === 'object' ? outcome : toRuntimeValue(outcome);
}

function join(value: RuntimeValue | undefined, given: Given): string {
  return attributesOf(value, given).map(toText).join(toText(given['d']));
}

function lengthOf(value: RuntimeValue | undefined): number {
  return value?.value instanceof Map ? value.value.size : sequenceOf(value).length;
}

function reverse(value: RuntimeValue | undefined): Outcome {
  const reversed = sequenceOf(value).toReversed();
  return typeof value?.value === 'string' ? reversed.map(toText).join('') : new ListValue(reversed);
}

function unique(value: RuntimeValue | undefined, given: Given): RuntimeValue {
  const path = given['attribute'];
  return new ListValue(
    uniqueBy(sequenceOf(value), (item) => {
      const key = path === undefined ? item : attributeOf(item, toText(path));
      const isFolded = typeof key.value === 'string' && given['case_sensitive']?.value !== true;
      return isFolded ? toRuntimeValue(String(key.value).toLowerCase()) : key;
    }),
  );
}

/** Without a test, items whose attribute is true. */
function select(value: RuntimeValue | undefined, given: Given, isWanted: boolean): RuntimeValue {
  const { attribute, test, value: operand } = given;
  const isSelected = (item: RuntimeValue): boolean => {
    const found = attributeOf(item, toText(attribute));
    return test === undefined ? isTruthy(found) : passes(found, toText(test), operand);
  };
  return new ListValue(sequenceOf(value).filter((item) => isSelected(item) === isWanted));
}

function center(value: RuntimeValue | undefined, given: Given): string {
  const text = toText(value);
  const width = toNumber(given['width'], 80);
  const missing = Math.max(0, width - [...text].length);
  const left = Math.floor(missing / 2) + (missing & width & 1);
  return ' '.repeat(left) + text + ' '.repeat(missing - left);
}

/** As `float()` of Python reads a text. Undefined for what it refuses. */
function toFloat(value: RuntimeValue | undefined): RuntimeValue | undefined {
  const number = readNumber(value);
  return number === undefined ? undefined : new FloatValue(number);
}

function toWhole(value: RuntimeValue | undefined): number | undefined {
  const number = readNumber(value);
  return number === undefined || !Number.isFinite(number) ? undefined : Math.trunc(number) + 0;
}

const NUMBER = /^\s*[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+)?\s*$/;
const NOT_FINITE = /^\s*([+-]?)(inf(?:inity)?|nan)\s*$/i;

function readNumber(value: RuntimeValue | undefined): number | undefined {
  const given = value?.value;
  if (typeof given !== 'string')
    return typeof given === 'number' || typeof given === 'boolean' ? Number(given) : undefined;
  if (NUMBER.test(given)) return Number(given.replaceAll('_', ''));
  const [, sign, name] = NOT_FINITE.exec(given) ?? [];
  if (name === undefined) return undefined;
  return /^nan$/i.test(name) ? Number.NaN : sign === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** The largest item with 1, the smallest with -1, the first of equal ones. Nothing for an empty list. */
function pick(value: RuntimeValue | undefined, given: Given, sign: 1 | -1): RuntimeValue {
  const keys = attributesOf(value, given).map(({ value: key }) => {
    if (typeof key === 'number') return key;
    if (typeof key !== 'string') throw new Error('min and max need numbers or strings');
    return given['case_sensitive']?.value === true ? key : key.toLowerCase();
  });
  let best = 0;
  for (const [index, key] of keys.entries()) {
    const other = keys[best] ?? key;
    if (sign === 1 ? key > other : key < other) best = index;
  }
  return sequenceOf(value)[best] ?? toRuntimeValue(undefined);
}

function sum(value: RuntimeValue | undefined, given: Given): RuntimeValue | number {
  const all = [...attributesOf(value, given), given['start'] ?? toRuntimeValue(0)];
  const total = all.map((each) => toNumber(each)).reduce((a, b) => a + b, 0);
  return all.every(({ type }) => type === 'IntegerValue') ? total : new FloatValue(total);
}

function round(value: RuntimeValue | undefined, given: Given): RuntimeValue | number {
  const number = toNumber(value);
  const precision = toNumber(given['precision'], 0);
  const method = given['method'] === undefined ? 'common' : toText(given['method']);
  if (method === 'common') {
    const rounded = roundHalfToEven(number, precision) || (number < 0 ? -0 : 0);
    return value?.type === 'IntegerValue' ? rounded + 0 : new FloatValue(rounded);
  }
  if (method !== 'ceil' && method !== 'floor') throw new Error('the method of round must be common, ceil or floor');
  return new FloatValue(Math[method](number * 10 ** precision) / 10 ** precision);
}

/** As Python's `round`. Only a binary fraction is exactly between two decimal ones, and stays exact when multiplied. */
function roundHalfToEven(value: number, precision: number): number {
  const factor = 10 ** precision;
  if (precision < 0) return roundHalfToEven(value * factor, 0) / factor;
  const below = Math.floor(value * factor);
  const isTie = Number.isInteger(value * 2 ** (precision + 1)) && value * factor - below === 0.5;
  return isTie ? (below % 2 === 0 ? below : below + 1) / factor : Number(value.toFixed(precision));
}

function truncate(value: RuntimeValue | undefined, given: Given): string {
  if (typeof value?.value !== 'string') throw new Error(`truncate needs a text, not ${value?.type}`);
  const chars = [...value.value];
  const length = toNumber(given['length'], 255);
  if (chars.length <= length + toNumber(given['leeway'], 5)) return chars.join('');
  const end = given['end'] === undefined ? '...' : toText(given['end']);
  const kept = chars.slice(0, Math.max(0, length - [...end].length)).join('');
  const lastSpace = given['killwords']?.value === true ? -1 : kept.lastIndexOf(' ');
  return (lastSpace === -1 ? kept : kept.slice(0, lastSpace)) + end;
}

function urlencode(value: RuntimeValue | undefined): string {
  if (typeof value?.value === 'object' && value.value !== null)
    throw new Error(`urlencode needs a text, not ${value.type}`);
  return encodeURIComponent(toText(value).toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');
}

/** Pairs as Jinja2 gives them. */
export function toPairs(list: RuntimeValue | undefined): RuntimeValue {
  return new ListValue(sequenceOf(list).map((pair) => withType('TupleValue', sequenceOf(pair))));
}

/** What a loop over the value gives: items, characters, or keys. */
export function sequenceOf(value: RuntimeValue | undefined): readonly RuntimeValue[] {
  const inner = value?.value;
  if (Array.isArray(inner)) return inner;
  if (typeof inner === 'string') return [...inner].map(toRuntimeValue);
  if (inner instanceof Map) return [...inner.keys()].map(toRuntimeValue);
  if (value === undefined || value.type === 'UndefinedValue') return [];
  throw new Error(`${value.type} has no items`);
}

/** The items of a list, or the attribute of each that the argument `attribute` names. */
function attributesOf(list: RuntimeValue | undefined, { attribute }: Given): readonly RuntimeValue[] {
  const items = sequenceOf(list);
  if (attribute === undefined || attribute.type === 'NullValue') return items;
  return items.map((item) => attributeOf(item, toText(attribute)));
}

/** Of a path such as `author.name`; undefined where there is none. */
function attributeOf(item: RuntimeValue, path: string): RuntimeValue {
  let found: RuntimeValue | undefined = item;
  for (const name of path.split('.')) {
    const value: RuntimeValue['value'] = found?.value;
    found = value instanceof Map ? value.get(name) : Array.isArray(value) ? value[Number(name)] : undefined;
  }
  return found ?? toRuntimeValue(undefined);
}

function toNumber(value: RuntimeValue | undefined, byDefault?: number): number {
  const number = value === undefined ? byDefault : value.value;
  if (typeof number !== 'number') throw new Error('the filter needs a number');
  return number;
}
