import type { RuntimeValue } from './jinja-library.js';
import { toPythonText } from './python-text.js';
import { roundAsPython } from './round.js';

/** Makes values of the library. */
export interface ValueMaker {
  readonly text: (value: string) => RuntimeValue;
  readonly integer: (value: number) => RuntimeValue;
  readonly float: (value: number) => RuntimeValue;
}

export interface FilterCall {
  readonly operand: RuntimeValue;
  /** What was given, by the names of the parameters. */
  readonly given: ReadonlyMap<string, RuntimeValue>;
  readonly make: ValueMaker;
}

export interface TemplateFilter {
  readonly parameters: readonly string[];
  readonly apply: (call: FilterCall) => RuntimeValue;
}

/** Filters that the library lacks, or that print otherwise there than in Jinja2. Each throws for what it cannot take. */
export const OWN_FILTERS: ReadonlyMap<string, TemplateFilter> = new Map<string, TemplateFilter>([
  [
    'capitalize',
    { parameters: [], apply: ({ operand, make }) => make.text(capitalize(toPythonText(operand))) },
  ],
  ['e', { parameters: [], apply: escape }],
  ['escape', { parameters: [], apply: escape }],
  ['join', { parameters: ['d', 'attribute'], apply: join }],
  ['max', { parameters: ['case_sensitive', 'attribute'], apply: (call) => pick(call, 1) }],
  ['min', { parameters: ['case_sensitive', 'attribute'], apply: (call) => pick(call, -1) }],
  ['round', { parameters: ['precision', 'method'], apply: round }],
  ['string', { parameters: [], apply: ({ operand, make }) => make.text(toPythonText(operand)) }],
  ['sum', { parameters: ['attribute', 'start'], apply: sum }],
  ['title', { parameters: [], apply: title }],
  ['truncate', { parameters: ['length', 'killwords', 'end', 'leeway'], apply: truncate }],
  ['urlencode', { parameters: [], apply: urlencode }],
  ['wordcount', { parameters: [], apply: wordcount }],
]);

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

function escape({ operand, make }: FilterCall): RuntimeValue {
  return make.text(toPythonText(operand).replace(/[&<>'"]/g, (char) => ENTITIES[char] ?? char));
}

function join({ operand, given, make }: FilterCall): RuntimeValue {
  const items =
    typeof operand.value === 'string' ? Array.from(operand.value, make.text) : itemsOf(operand, given);
  return make.text(items.map(toPythonText).join(textOf(given.get('d'), '')));
}

/** The largest with 1, the smallest with -1; the first of several. Nothing of an empty list. */
function pick({ operand, given, make }: FilterCall, sign: 1 | -1): RuntimeValue {
  const keyOf = ({ value }: RuntimeValue): string | number => {
    if (typeof value === 'number') return value;
    if (typeof value !== 'string') throw new Error('min and max need numbers or texts');
    return given.get('case_sensitive')?.value === true ? value : value.toLowerCase();
  };
  const [first, ...rest] = listOf(operand);
  if (first === undefined) return make.text('');
  const attribute = given.get('attribute');
  const key = (item: RuntimeValue): string | number => keyOf(attributeOf(item, attribute));
  return rest.reduce((best, each) => {
    const isBetter = sign === 1 ? key(each) > key(best) : key(each) < key(best);
    return isBetter ? each : best;
  }, first);
}

function round({ operand, given, make }: FilterCall): RuntimeValue {
  const value = numberOf(operand);
  const precision = numberOf(given.get('precision'), 0);
  const method = textOf(given.get('method'), 'common');
  const rounded = roundAsPython(value, precision, method);
  return operand.type === 'IntegerValue' && method === 'common' ? make.integer(rounded) : make.float(rounded);
}

function sum({ operand, given, make }: FilterCall): RuntimeValue {
  const all = [...itemsOf(operand, given), ...[given.get('start')].filter((start) => start !== undefined)];
  const total = all.map((item) => numberOf(item)).reduce((a, b) => a + b, 0);
  return all.every(({ type }) => type === 'IntegerValue') ? make.integer(total) : make.float(total);
}

function title({ operand, make }: FilterCall): RuntimeValue {
  return make.text(toPythonText(operand).replace(/[^-\s({[<]+/g, capitalize));
}

function capitalize(text: string): string {
  const [first = ''] = text;
  return first.toUpperCase() + text.slice(first.length).toLowerCase();
}

function truncate({ operand, given, make }: FilterCall): RuntimeValue {
  const chars = Array.from(toPythonText(operand));
  const length = numberOf(given.get('length'), 255);
  const end = textOf(given.get('end'), '...');
  if (chars.length <= length + numberOf(given.get('leeway'), 5)) return make.text(chars.join(''));
  const kept = chars.slice(0, Math.max(0, length - Array.from(end).length)).join('');
  const lastSpace = given.get('killwords')?.value === true ? -1 : kept.lastIndexOf(' ');
  return make.text((lastSpace === -1 ? kept : kept.slice(0, lastSpace)) + end);
}

function urlencode({ operand, make }: FilterCall): RuntimeValue {
  const encoded = encodeURIComponent(toPythonText(operand).toWellFormed());
  const rest = encoded.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return make.text(rest.replaceAll('%2F', '/'));
}

function wordcount({ operand, make }: FilterCall): RuntimeValue {
  return make.integer(toPythonText(operand).match(/[\p{L}\p{M}\p{N}_]+/gu)?.length ?? 0);
}

function itemsOf(operand: RuntimeValue, given: FilterCall['given']): readonly RuntimeValue[] {
  return listOf(operand).map((item) => attributeOf(item, given.get('attribute')));
}

function listOf({ value }: RuntimeValue): readonly RuntimeValue[] {
  if (Array.isArray(value)) return value;
  throw new Error('the filter needs a list');
}

function attributeOf(item: RuntimeValue, attribute: RuntimeValue | undefined): RuntimeValue {
  if (attribute === undefined || attribute.type === 'NullValue') return item;
  const name = textOf(attribute, '');
  const found = item.value instanceof Map ? item.value.get(name) : undefined;
  if (found === undefined) throw new Error(`an item has no attribute "${name}"`);
  return found;
}

function textOf(value: RuntimeValue | undefined, otherwise: string): string {
  return value === undefined ? otherwise : toPythonText(value);
}

function numberOf(value: RuntimeValue | undefined, otherwise?: number): number {
  const number = value === undefined ? otherwise : value.value;
  if (typeof number !== 'number') throw new Error('the filter needs a number');
  return number;
}
