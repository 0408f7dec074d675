import { JinjaEnvironment, type RuntimeValue, toRuntimeValue } from './jinja-library.js';
import { areEqual, isTrue, withType } from './template-operators.js';
import { toText } from './template-text.js';

/** Tests of a value whose results differ from those of Jinja2 in the library. */
export const OWN_TESTS: ReadonlyMap<string, (value: RuntimeValue) => boolean> = new Map([
  ['callable', ({ type }) => type === 'FunctionValue' || type === 'UndefinedValue'],
  ['iterable', isSequence],
  ['lower', (value) => isCased(value, (text) => text.toLowerCase())],
  ['number', ({ value }) => typeof value === 'number' || typeof value === 'boolean'],
  ['sequence', isSequence],
  ['upper', (value) => isCased(value, (text) => text.toUpperCase())],
]);

/** What is undefined counts as empty. */
function isSequence({ type, value }: RuntimeValue): boolean {
  return type === 'UndefinedValue' || typeof value === 'string' || Array.isArray(value) || value instanceof Map;
}

/** As in Python, a text without any letter is neither lower nor upper. */
function isCased(value: RuntimeValue, convert: (text: string) => string): boolean {
  const text = toText(value);
  return text === convert(text) && text.toLowerCase() !== text.toUpperCase();
}

/** Tests that compare with a value, by their operator. Only `selectattr` and `rejectattr` can pass the value. */
const COMPARING = new Map([
  ['eq', '=='],
  ['equalto', '=='],
  ['ne', '!='],
  ['lt', '<'],
  ['le', '<='],
  ['gt', '>'],
  ['ge', '>='],
  ['in', 'in'],
]);
export const COMPARING_TESTS = [...COMPARING.keys()];

const LIBRARY_TESTS = new JinjaEnvironment().tests;

/** Whether a value passes a test by name. */
export function passes(value: RuntimeValue, test: string, operand: RuntimeValue | undefined): boolean {
  const operator = COMPARING.get(test);
  if (operator !== undefined) return isTrue(operator, value, operand ?? toRuntimeValue(undefined));
  const found = OWN_TESTS.get(test) ?? LIBRARY_TESTS.get(test);
  if (found === undefined) throw new Error(`there is no test "${test}"`);
  return found(value);
}

interface TemplateMethod {
  readonly parameters: readonly string[];
  readonly apply: (
    value: RuntimeValue | undefined,
    given: Readonly<Partial<Record<string, RuntimeValue>>>,
  ) => RuntimeValue | string | boolean;
}

/** Methods that the library lacks, or whose results differ from those of Python. */
export const OWN_METHODS: ReadonlyMap<string, TemplateMethod> = new Map<string, TemplateMethod>([
  ['capitalize', ofText(capitalize)],
  [
    'endswith',
    {
      parameters: ['suffix'],
      apply: (value, { suffix }) => affixes(suffix).some((each) => textOf(value).endsWith(each)),
    },
  ],
  ['items', { parameters: [], apply: (value) => itemsOfObject(value) }],
  ['lower', ofText((text) => text.toLowerCase())],
  ['lstrip', { parameters: ['chars'], apply: (value, { chars }) => strip(textOf(value), chars, 'left') }],
  ['rstrip', { parameters: ['chars'], apply: (value, { chars }) => strip(textOf(value), chars, 'right') }],
  [
    'startswith',
    {
      parameters: ['prefix'],
      apply: (value, { prefix }) => affixes(prefix).some((each) => textOf(value).startsWith(each)),
    },
  ],
  ['strip', { parameters: ['chars'], apply: (value, { chars }) => strip(textOf(value), chars, 'both') }],
  ['title', ofText((text) => text.replace(/\p{L}+/gu, capitalize))],
  ['upper', ofText((text) => text.toUpperCase())],
]);

function ofText(apply: (text: string) => string): TemplateMethod {
  return { parameters: [], apply: (value) => apply(textOf(value)) };
}

function textOf(value: RuntimeValue | undefined): string {
  if (typeof value?.value === 'string') return value.value;
  throw new Error(`the method needs a text, not ${value?.type ?? 'UndefinedValue'}`);
}

function affixes(affix: RuntimeValue | undefined): readonly string[] {
  return Array.isArray(affix?.value) ? affix.value.map(textOf) : [textOf(affix)];
}

function strip(text: string, chars: RuntimeValue | undefined, side: 'left' | 'right' | 'both'): string {
  const isStripped =
    chars === undefined || chars.type === 'NullValue'
      ? (char: string | undefined) => char?.trim() === ''
      : (char: string | undefined) => char !== undefined && [...textOf(chars)].includes(char);
  const all = [...text];
  const isKept = (char: string): boolean => !isStripped(char);
  const first = side === 'right' ? 0 : all.findIndex(isKept);
  const last = side === 'left' ? all.length - 1 : all.findLastIndex(isKept);
  return first === -1 ? '' : all.slice(first, last + 1).join('');
}

export function capitalize(text: string): string {
  const [first = ''] = text;
  // The capital of one letter may be several, of which only the first is large: "ß" becomes "Ss".
  const [initial = '', ...more] = first.toUpperCase();
  return initial + (more.join('') + text.slice(first.length)).toLowerCase();
}

/** The pairs of an object. */
export function itemsOfObject(object: RuntimeValue | undefined): RuntimeValue {
  const { value } = object ?? toRuntimeValue(undefined);
  if (object?.type === 'UndefinedValue') return withType('ArrayValue', []);
  if (!(value instanceof Map)) throw new Error('only an object has items');
  return withType(
    'ArrayValue',
    [...value].map(([key, item]) => withType('TupleValue', [toRuntimeValue(key), item])),
  );
}

/** Of values that no set can find again, such as lists. */
export function uniqueBy(items: readonly RuntimeValue[], keyOf: (item: RuntimeValue) => RuntimeValue): RuntimeValue[] {
  const texts = new Set<string>();
  const others: RuntimeValue[] = [];
  return items.filter((item) => {
    const key = keyOf(item);
    if (typeof key.value === 'string') return texts.size < texts.add(key.value).size;
    if (others.some((other) => areEqual(other, key))) return false;
    others.push(key);
    return true;
  });
}
