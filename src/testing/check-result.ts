import type { EndpointTest } from '../endpoints/index.js';
import { plural } from '../errors/index.js';
import { isMapping } from '../yaml/index.js';

/** Differences that are reported of one assertion; a wrong result has either few or very many. */
const MAX_DIFFERENCES = 5;
const MAX_SHOWN = 200;

type Check = (expected: unknown, result: unknown) => readonly string[];

/** Each assertion that a test may have, by its key. A test without one only asks that the call succeeds. */
const CHECKS = {
  result: (expected, result) => findDifferences(expected, result, { path: 'result', isPartial: false }),
  result_contains: checkContains,
  result_not_contains: (names, result) => toList(names).flatMap((name) => checkAbsent(String(name), result)),
  result_contains_item: (item, result) => checkItems([item], result),
  result_contains_all: (items, result) => checkItems(toList(items), result),
  result_length: checkLength,
  result_contains_text: (text, result) => checkText(String(text), result),
} as const satisfies Partial<Record<keyof EndpointTest, Check>>;

export type Assertions = Partial<Pick<EndpointTest, keyof typeof CHECKS>>;

// Object.entries loses the type of the keys.
const CHECK_ENTRIES = Object.entries(CHECKS) as readonly (readonly [keyof typeof CHECKS, Check])[];

/** Compares the result of a call, as JSON, with every assertion. Returns what does not hold, empty if all do. */
export function checkResult(assertions: Assertions, result: unknown): readonly string[] {
  return CHECK_ENTRIES.flatMap(([key, check]) => {
    if (assertions[key] === undefined) return [];
    const found = check(assertions[key], result);
    const more = found.length - MAX_DIFFERENCES;
    const shown = found.slice(0, MAX_DIFFERENCES).map((difference) => `\`${key}\`: ${difference}`);
    return more > 0 ? [...shown, `\`${key}\`: ${more} more`] : shown;
  });
}

/** `isPartial`: objects of the result may have more keys than the expected ones. */
interface Comparison {
  readonly path: string;
  readonly isPartial: boolean;
}

function findDifferences(expected: unknown, actual: unknown, { path, isPartial }: Comparison): readonly string[] {
  const at = (key: string | number): Comparison => ({
    path: typeof key === 'number' ? `${path}[${key}]` : `${path}.${key}`,
    isPartial,
  });
  if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length)
      return [`${path} has ${plural(actual.length, 'item')}, not the expected ${expected.length}`];
    return expected.flatMap((item, index) => findDifferences(item, actual[index], at(index)));
  }
  if (isMapping(expected) && isMapping(actual)) {
    const extra = isPartial ? [] : Object.keys(actual).filter((key) => !Object.hasOwn(expected, key));
    return [
      ...Object.entries(expected).flatMap(([key, value]) =>
        Object.hasOwn(actual, key) ? findDifferences(value, actual[key], at(key)) : [`${at(key).path} is missing`],
      ),
      ...extra.map((key) => `${at(key).path} is not expected: ${show(actual[key])}`),
    ];
  }
  return expected === actual ? [] : [`${path} is ${show(actual)}, not the expected ${show(expected)}`];
}

function checkContains(expected: unknown, result: unknown): readonly string[] {
  if (Array.isArray(result)) return checkItems(toList(expected), result);
  if (typeof expected === 'string' && typeof result === 'string') return checkText(expected, result);
  return findDifferences(expected, result, { path: 'result', isPartial: true });
}

/** An item that is an object is found if one of the result has its keys and values. */
function checkItems(items: readonly unknown[], result: unknown): readonly string[] {
  if (!Array.isArray(result)) return [notAList(result)];
  const holds = (expected: unknown): boolean =>
    result.some((item) => findDifferences(expected, item, { path: '', isPartial: true }).length === 0);
  return items.filter((item) => !holds(item)).map((item) => `no item of the result is or contains ${show(item)}`);
}

/** A field of the result or of one of its items, an item, or a part of a text. */
function checkAbsent(name: string, result: unknown): readonly string[] {
  const parts = Array.isArray(result) ? result : [result];
  const isThere = (part: unknown): boolean => {
    if (isMapping(part)) return Object.hasOwn(part, name);
    return typeof part === 'string' && (Array.isArray(result) ? part === name : part.includes(name));
  };
  return parts.some(isThere) ? [`the result contains "${name}"`] : [];
}

function checkLength(expected: unknown, result: unknown): readonly string[] {
  if (!Array.isArray(result)) return [notAList(result)];
  return result.length === expected
    ? []
    : [`the result has ${plural(result.length, 'item')}, not the expected ${show(expected)}`];
}

function checkText(text: string, result: unknown): readonly string[] {
  return hasText(text, result) ? [] : [`no text of the result contains ${show(text)}: ${show(result)}`];
}

/** At any depth, so that it also finds a text in the messages of a prompt. */
function hasText(text: string, value: unknown): boolean {
  if (typeof value === 'string') return value.includes(text);
  return typeof value === 'object' && value !== null && Object.values(value).some((each) => hasText(text, each));
}

function toList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function notAList(result: unknown): string {
  return `the result is not a list but ${show(result)}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
