/** What stands for one value in a YAML file. */
export type YamlScalarValue = string | number | boolean | null;

interface Reading {
  readonly type: 'bool' | 'int' | 'float' | 'null';
  readonly test: RegExp;
  readonly read: (text: string) => YamlScalarValue;
}

/** Tried in this order. The four types exclude each other, so the order matters only within one. */
const READINGS: readonly Reading[] = [
  { type: 'null', test: /^(?:~|null|Null|NULL)?$/, read: () => null },
  { type: 'bool', test: /^(?:true|True|TRUE|yes|Yes|YES|on|On|ON)$/, read: () => true },
  { type: 'bool', test: /^(?:false|False|FALSE|no|No|NO|off|Off|OFF)$/, read: () => false },
  { type: 'int', test: /^[-+]?0b[01_]+$/, read: (text) => integer(text, 2) },
  { type: 'int', test: /^[-+]?0[0-7_]+$/, read: (text) => integer(text, 8) },
  { type: 'int', test: /^[-+]?0x[0-9a-fA-F_]+$/, read: (text) => integer(text, 16) },
  { type: 'int', test: /^[-+]?(?:0|[1-9][0-9_]*)$/, read: (text) => integer(text, 10) },
  { type: 'float', test: /^[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?$/, read: decimal },
  { type: 'float', test: /^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$/, read: decimal },
  { type: 'float', test: /^[-+]?\.(?:inf|Inf|INF)$/, read: infinity },
  { type: 'float', test: /^\.(?:nan|NaN|NAN)$/, read: () => Number.NaN },
];

/** With another first letter no reading fits, and most values of a file are words. */
const MAY_BE_READ = /^(?:$|[-+.~0-9tTfFyYnNoO])/;

/**
 * Reads a value that stands without quotes: as PyYAML does, without its two traps (see
 * docs/decisions/0002-yaml-version.md). `yes`, `on` and `010` mean what they meant; `12:30` and `2024-01-31` are text.
 */
export function readPlainScalar(text: string): YamlScalarValue {
  if (!MAY_BE_READ.test(text)) return text;
  const reading = READINGS.find(({ test }) => test.test(text));
  return reading === undefined ? text : reading.read(text);
}

/** Reads a value that has a tag (`!!int 5`). Undefined when the tag means nothing here, or does not fit the text. */
export function readTaggedScalar(tag: string, text: string): YamlScalarValue | undefined {
  if (tag === '!' || tag === '!!str') return text;
  const reading = READINGS.find(({ type, test }) => tag === `!!${type}` && test.test(text));
  return reading?.read(text);
}

/** An integer beyond what a number holds exactly stays the text it is: digits of an account number must not change. */
function integer(text: string, radix: number): number | string {
  const digits = text
    .replace(/^[-+]/, '')
    .replace(/_/g, '')
    .replace(/^0[bx]/, '');
  const magnitude = Number.parseInt(digits, radix);
  if (!Number.isSafeInteger(magnitude)) return text;
  return text.startsWith('-') ? -magnitude : magnitude;
}

function decimal(text: string): number {
  return Number(text.replace(/_/g, ''));
}

function infinity(text: string): number {
  return text.startsWith('-') ? -Infinity : Infinity;
}
