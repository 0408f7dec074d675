import { FloatValue, FunctionValue, type RuntimeValue, toRuntimeValue } from './jinja-library.js';

/** The arguments of a filter, by the names of its parameters. */
type Given = Readonly<Partial<Record<string, RuntimeValue>>>;

interface TemplateFilter {
  readonly parameters: readonly string[];
  /** Throws for a value or an argument that the filter does not accept. */
  readonly apply: (value: RuntimeValue | undefined, given: Given) => RuntimeValue | string | number;
}

function ofText(apply: (text: string) => string | number): TemplateFilter {
  return { parameters: [], apply: (value) => apply(toText(value)) };
}

const ENTITIES: Readonly<Record<string, string>> = { '&': 'amp', '<': 'lt', '>': 'gt', "'": '#39', '"': '#34' };
const escape = ofText((text) => text.replace(/[&<>'"]/g, (char) => `&${ENTITIES[char] ?? ''};`));

/** Filters that the library lacks, or whose results differ from those of Jinja2. */
export const OWN_FILTERS: ReadonlyMap<string, TemplateFilter> = new Map<string, TemplateFilter>([
  ['capitalize', ofText(capitalize)],
  ['e', escape],
  ['escape', escape],
  ['join', { parameters: ['d', 'attribute'], apply: join }],
  ['max', { parameters: ['case_sensitive', 'attribute'], apply: (value, given) => pick(value, given, 1) }],
  ['min', { parameters: ['case_sensitive', 'attribute'], apply: (value, given) => pick(value, given, -1) }],
  ['round', { parameters: ['precision', 'method'], apply: round }],
  ['string', ofText((text) => text)],
  ['sum', { parameters: ['attribute', 'start'], apply: sum }],
  ['title', ofText((text) => text.replace(/[^-\s({[<]+/g, capitalize))],
  ['truncate', { parameters: ['length', 'killwords', 'end', 'leeway'], apply: truncate }],
  ['urlencode', ofText(urlencode)],
  ['wordcount', ofText((text) => text.match(/[\p{L}\p{M}\p{N}_]+/gu)?.length ?? 0)],
]);

/** The filter as a function of the library, called with the value and the arguments; named arguments come last. */
export function toFunction({ parameters, apply }: TemplateFilter): RuntimeValue {
  return new FunctionValue(([value, ...args]) => {
    const named = args.at(-1)?.type === 'KeywordArgumentsValue' ? args.pop()?.value : undefined;
    const given = {
      ...Object.fromEntries(parameters.map((name, index) => [name, args[index]])),
      ...(named instanceof Map ? Object.fromEntries(named) : {}),
    };
    const result = apply(value, given);
    return typeof result === 'object' ? result : toRuntimeValue(result);
  });
}

/** What `{{ value }}` prints: the text that Python makes of the value, because templates are written for Jinja2. */
export function toText(value: RuntimeValue | undefined): string {
  if (value === undefined || /^(?:Undefined|Function)Value$/.test(value.type)) return '';
  return typeof value.value === 'string' ? value.value : toPythonLiteral(value);
}

function toPythonLiteral(value: RuntimeValue): string {
  const { type, value: inner } = value;
  if (type === 'NullValue') return 'None';
  if (typeof inner === 'boolean') return inner ? 'True' : 'False';
  if (typeof inner === 'string') return quote(inner);
  if (Array.isArray(inner)) {
    const items = inner.map(toPythonLiteral).join(', ');
    return type === 'TupleValue' ? `(${items})` : `[${items}]`;
  }
  if (!(inner instanceof Map)) return value.toString();
  return `{${[...inner].map(([key, each]) => `${quote(key)}: ${toPythonLiteral(each)}`).join(', ')}}`;
}

/** In single quotes, or in double quotes if that saves escaping. */
function quote(text: string): string {
  const around = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return around + (around === "'" ? escaped.replaceAll("'", "\\'") : escaped) + around;
}

function capitalize(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

function join(value: RuntimeValue | undefined, given: Given): string {
  const items = typeof value?.value === 'string' ? [...value.value] : attributesOf(value, given).map(toText);
  return items.join(toText(given['d']));
}

/** The largest item with 1, the smallest with -1, the first of equal ones. Nothing for an empty list. */
function pick(value: RuntimeValue | undefined, given: Given, sign: 1 | -1): RuntimeValue | string {
  const keys = attributesOf(value, given).map(({ value: key }) => {
    if (typeof key === 'number') return key;
    if (typeof key !== 'string') throw new Error('min and max need numbers or texts');
    return given['case_sensitive']?.value === true ? key : key.toLowerCase();
  });
  let best = 0;
  for (const [index, key] of keys.entries()) {
    const other = keys[best] ?? key;
    if (sign === 1 ? key > other : key < other) best = index;
  }
  return itemsOf(value)[best] ?? '';
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
    const rounded = roundHalfToEven(number, precision);
    return value?.type === 'IntegerValue' ? rounded : new FloatValue(rounded);
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
  const chars = [...toText(value)];
  const length = toNumber(given['length'], 255);
  if (chars.length <= length + toNumber(given['leeway'], 5)) return chars.join('');
  const end = given['end'] === undefined ? '...' : toText(given['end']);
  const kept = chars.slice(0, Math.max(0, length - [...end].length)).join('');
  const lastSpace = given['killwords']?.value === true ? -1 : kept.lastIndexOf(' ');
  return (lastSpace === -1 ? kept : kept.slice(0, lastSpace)) + end;
}

function urlencode(text: string): string {
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%2F', '/');
}

function itemsOf(list: RuntimeValue | undefined): readonly RuntimeValue[] {
  if (Array.isArray(list?.value)) return list.value;
  throw new Error('the filter needs a list');
}

/** The items of a list, or the attribute of each that the argument `attribute` names. */
function attributesOf(list: RuntimeValue | undefined, { attribute }: Given): readonly RuntimeValue[] {
  if (attribute === undefined || attribute.type === 'NullValue') return itemsOf(list);
  const name = toText(attribute);
  return itemsOf(list).map(({ value }) => {
    const found = value instanceof Map ? value.get(name) : undefined;
    if (found === undefined) throw new Error(`an item has no attribute "${name}"`);
    return found;
  });
}

function toNumber(value: RuntimeValue | undefined, byDefault?: number): number {
  const number = value === undefined ? byDefault : value.value;
  if (typeof number !== 'number') throw new Error('the filter needs a number');
  return number;
}
