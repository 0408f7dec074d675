import { isNode, nameOf, nodesOf, type RuntimeValue, type SyntaxNode } from './jinja-library.js';

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

/** A filter and what it is used on. */
export interface FilterUse {
  readonly name: string;
  readonly operand: SyntaxNode;
  /** What stands in brackets behind the name; nothing without brackets. */
  readonly given: readonly SyntaxNode[] | undefined;
}

/** Jinja2 makes a text of whatever these are used on; the library takes only texts. */
export const TAKES_TEXT: ReadonlySet<string> = new Set(['indent', 'lower', 'replace', 'trim', 'upper']);

/** Other names for filters of the library. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['count', 'length'],
  ['d', 'default'],
]);

/** Of an expression `x | filter`, or of a block `{% filter … %}`, whose text is filtered. */
export function toFilterUse({ operand, body, filter }: SyntaxNode): FilterUse {
  return {
    name: nameOf(filter) ?? '',
    operand: isNode(operand) ? operand : { type: 'Program', body },
    given: argumentsOf(filter),
  };
}

export function argumentsOf(node: unknown): readonly SyntaxNode[] | undefined {
  return isNode(node) && node.type === 'CallExpression' ? nodesOf(node['args']) : undefined;
}

/** As the library knows it, which knows `default` with brackets only. */
export function toLibraryFilter({ name, given }: FilterUse, operand: SyntaxNode): SyntaxNode {
  const known = ALIASES.get(name) ?? name;
  const callee = { type: 'Identifier', value: known };
  const args = given ?? (known === 'default' ? [] : undefined);
  const filter = args === undefined ? callee : { type: 'CallExpression', callee, args };
  return { type: 'FilterExpression', operand, filter };
}

/** The parameter that an argument is for; undefined when the filter does not take it. */
export function parameterOf(
  { type, key }: SyntaxNode,
  index: number,
  parameters: readonly string[],
): string | undefined {
  const name = type === 'KeywordArgumentExpression' ? nameOf(key) : parameters[index];
  return name !== undefined && parameters.includes(name) && !type.includes('Spread') ? name : undefined;
}

/** What was given by position or by name; what the filter does not take was refused when the template was checked. */
export function nameArguments(
  { given = [] }: FilterUse,
  parameters: readonly string[],
): readonly (readonly [string, SyntaxNode])[] {
  return given.flatMap((node, index) => {
    const name = parameterOf(node, index, parameters);
    const value = node.type === 'KeywordArgumentExpression' ? node['value'] : node;
    return name !== undefined && isNode(value) ? [[name, value] as const] : [];
  });
}

/** What `{{ value }}` prints: as Python does, for which templates are written. */
export function toPythonText(value: RuntimeValue): string {
  const { type, value: inner } = value;
  if (typeof inner === 'string') return inner;
  return type === 'UndefinedValue' || typeof inner === 'function' ? '' : toPythonLiteral(value);
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
  const entries = [...inner].map(([key, each]) => `${quote(key)}: ${toPythonLiteral(each)}`);
  return `{${entries.join(', ')}}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Single quotes, unless only double ones leave nothing to escape. */
function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\\n\r\t]/g, (char) => ESCAPES[char] ?? char);
  return mark + (mark === "'" ? escaped.replaceAll("'", "\\'") : escaped) + mark;
}

/** As Python's `round`, and as Jinja2 for its methods `ceil` and `floor`. Throws for other methods. */
export function roundAsPython(value: number, precision: number, method: string): number {
  const factor = 10 ** precision;
  if (method === 'ceil') return Math.ceil(value * factor) / factor;
  if (method === 'floor') return Math.floor(value * factor) / factor;
  if (method !== 'common') throw new Error('the method of round must be common, ceil or floor');
  if (precision < 0) return toEven(value * factor) / factor;
  return isTie(value, precision) ? toEven(value * factor) / factor : Number(value.toFixed(precision));
}

/** Only a binary fraction can lie exactly between two decimal ones; multiplied by a power of ten it is still exact. */
function isTie(value: number, precision: number): boolean {
  return Number.isInteger(value * 2 ** (precision + 1)) && Math.abs((value * 10 ** precision) % 1) === 0.5;
}

function toEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
