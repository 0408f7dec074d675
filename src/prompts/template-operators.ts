import { FloatValue, ListValue, type RuntimeValue, toRuntimeValue } from './jinja-library.js';

/** The arguments of an operator, evaluated. */
type Operands = readonly RuntimeValue[];

/** What an operator gives: a value, or what becomes one. */
export type Outcome = RuntimeValue | string | number | boolean;

/** Operators whose results differ from those of Python in the library, and reading a member of a value. */
export const OWN_OPERATORS: ReadonlyMap<string, (operands: Operands) => Outcome> = new Map([
  ['compare', compareAll],
  ['negative', ([value]) => negate(required(value))],
  ['member', ([object, key]) => memberOf(required(object), required(key))],
  ...['+', '-', '*', '/', '//', '%', '**'].map(
    (operator) =>
      [operator, ([left, right]: Operands): Outcome => calculate(operator, required(left), required(right))] as const,
  ),
]);

export const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=', 'in', 'not in']);

function required(value: RuntimeValue | undefined): RuntimeValue {
  return value ?? toRuntimeValue(undefined);
}

/** `a < b < c` is given as `a`, `"<"`, `b`, `"<"`, `c`, and true if both are. */
function compareAll([first, ...rest]: Operands): boolean {
  let left = required(first);
  for (let at = 0; at < rest.length; at += 2) {
    const right = required(rest[at + 1]);
    if (!isTrue(String(rest[at]?.value), left, right)) return false;
    left = right;
  }
  return true;
}

export function isTrue(operator: string, left: RuntimeValue, right: RuntimeValue): boolean {
  switch (operator) {
    case '==':
      return areEqual(left, right);
    case '!=':
      return !areEqual(left, right);
    case 'in':
      return contains(right, left);
    case 'not in':
      return !contains(right, left);
    case '<':
      return order(operator, left, right) < 0;
    case '<=':
      return order(operator, left, right) <= 0;
    case '>':
      return order(operator, left, right) > 0;
    default:
      return order(operator, left, right) >= 0;
  }
}

/** As in Python, `True` is 1 and `1.0` is 1, but no text is a number. */
export function areEqual(left: RuntimeValue, right: RuntimeValue): boolean {
  const [a, b] = [left.value, right.value];
  const [x, y] = [numberOf(left), numberOf(right)];
  if (x !== undefined && y !== undefined) return x === y;
  if (left.type !== right.type) return false;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => areEqual(item, required(b[index])));
  if (!(a instanceof Map && b instanceof Map)) return a === b;
  return a.size === b.size && [...a].every(([key, item]) => b.has(key) && areEqual(item, required(b.get(key))));
}

/** Less than 0, 0, or more: the order of `left` and `right`. */
function order(operator: string, left: RuntimeValue, right: RuntimeValue): number {
  const [a, b] = [left.value, right.value];
  const [x, y] = [numberOf(left), numberOf(right)];
  // NaN is in no order to anything, and every comparison with it is false.
  if (x !== undefined && y !== undefined) return x - y || (x === y ? 0 : Number.NaN);
  if (typeof a === 'string' && typeof b === 'string') return orderOfTexts(a, b);
  if (left.type !== right.type || !Array.isArray(a) || !Array.isArray(b)) throw unfit(operator, left, right);
  const at = a.findIndex((item, index) => index >= b.length || !areEqual(item, required(b[index])));
  if (at === -1) return a.length - b.length;
  return at >= b.length ? 1 : order(operator, required(a[at]), required(b[at]));
}

/** By code points. JavaScript compares halves of characters, which puts some after those that follow them. */
export function orderOfTexts(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  if (at >= a.length || at >= b.length) return a.length - b.length;
  const place = (unit: number): number => (unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit);
  return place(a.charCodeAt(at)) - place(b.charCodeAt(at));
}

function contains(container: RuntimeValue, item: RuntimeValue): boolean {
  const { value, type } = container;
  if (Array.isArray(value)) return value.some((each) => areEqual(each, item));
  if (typeof value === 'string' && typeof item.value === 'string') return value.includes(item.value);
  if (value instanceof Map) return typeof item.value === 'string' && value.has(item.value);
  if (type === 'UndefinedValue') return false;
  throw unfit('in', item, container);
}

/** The value of a key of an object, of an item of a list, or a character of a text. Undefined where there is none. */
function memberOf(object: RuntimeValue, key: RuntimeValue): RuntimeValue {
  const { value, type, builtins } = object;
  if (type === 'UndefinedValue') throw new Error(`an undefined value has no ${JSON.stringify(key.value)}`);
  if (typeof key.value === 'string') {
    const own = value instanceof Map ? value.get(key.value) : undefined;
    return own ?? (key.value === 'length' ? undefined : builtins?.get(key.value)) ?? toRuntimeValue(undefined);
  }
  const index = numberOf(key);
  if (index === undefined || key.type === 'FloatValue') return toRuntimeValue(undefined);
  if (Array.isArray(value)) return required(value.at(index));
  return toRuntimeValue(typeof value === 'string' ? [...value].at(index) : undefined);
}

function calculate(operator: string, left: RuntimeValue, right: RuntimeValue): Outcome {
  const [a, b] = [left.value, right.value];
  const [x, y] = [numberOf(left), numberOf(right)];
  if (x !== undefined && y !== undefined) {
    const isFloat = left.type === 'FloatValue' || right.type === 'FloatValue';
    return toNumberValue(compute(operator, x, y), isFloat || operator === '/' || (operator === '**' && y < 0));
  }
  if (operator === '+' && Array.isArray(a) && Array.isArray(b) && left.type === right.type)
    return withType(left.type, [...a, ...b]);
  if (operator === '+' && typeof a === 'string' && typeof b === 'string') return a + b;
  if (operator === '*') {
    const repeated = repeat(left, y) ?? repeat(right, x);
    if (repeated !== undefined) return repeated;
  }
  throw unfit(operator, left, right);
}

function negate(value: RuntimeValue): RuntimeValue {
  const number = numberOf(value);
  if (number === undefined) throw new Error(`"-" does not work on ${value.type}`);
  return toNumberValue(-number, value.type === 'FloatValue');
}

function repeat(value: RuntimeValue, count: number | undefined): Outcome | undefined {
  if (count === undefined || !Number.isInteger(count)) return undefined;
  const times = Math.max(0, count);
  if (typeof value.value === 'string') return value.value.repeat(times);
  const items = value.value;
  return Array.isArray(items) ? withType(value.type, Array.from({ length: times }, () => items).flat()) : undefined;
}

function compute(operator: string, a: number, b: number): number {
  if (b === 0 && ['/', '//', '%'].includes(operator)) throw new Error('division by zero');
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return modulo(a, b);
    case '//':
      return Math.round((a - modulo(a, b)) / b);
    default:
      return power(a, b);
  }
}

/** Has the sign of the divisor, as in Python. */
function modulo(a: number, b: number): number {
  const rest = a % b;
  if (rest === 0) return b < 0 ? -0 : 0;
  return rest < 0 === b < 0 ? rest : rest + b;
}

function power(a: number, b: number): number {
  if (a === 0 && b < 0) throw new Error('0 cannot be raised to a negative power');
  const result = a ** b;
  if (!Number.isFinite(result)) throw new Error('the result of "**" is not a real number, or is too large');
  return result;
}

function toNumberValue(value: number, isFloat: boolean): RuntimeValue {
  if (isFloat) return new FloatValue(value);
  if (!Number.isSafeInteger(value)) throw new Error('a whole number beyond ±2⁵³ cannot be calculated exactly');
  // Not the zero below zero, which no integer has.
  return toRuntimeValue(value + 0);
}

export function isTruthy({ value }: RuntimeValue): boolean {
  if (Array.isArray(value)) return value.length > 0;
  return value instanceof Map ? value.size > 0 : Boolean(value);
}

/** Of numbers and of `True` and `False`, which count as 1 and 0. */
function numberOf({ value }: RuntimeValue): number | undefined {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' ? value : undefined;
}

/** A list, or a tuple. */
export function withType(type: string, items: readonly RuntimeValue[]): RuntimeValue {
  return Object.assign(new ListValue(items), { type });
}

/** The names of the types become words in the message that users see. */
function unfit(operator: string, left: RuntimeValue, right: RuntimeValue): Error {
  const isJoining = operator === '+' && [left, right].some(({ value }) => typeof value === 'string');
  const advice = isJoining ? '; join strings with ~' : '';
  return new Error(`"${operator}" does not work between ${left.type} and ${right.type}${advice}`);
}
