/** What stands for one value in a YAML file. */
export type YamlScalarValue = string | number | boolean | null;

interface Reading {
  readonly type: 'bool' | 'int' | 'float' | 'null';
  readonly test: RegExp;
  readonly read: (text: string) => YamlScalarValue;
}

/** No text fits two of them. */
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

const TAG = /^!(?:!|<tag:yaml\.org,2002:)(str|int|float|bool|null|seq|map)>?$/;
/** What `!!float` takes and nothing without a tag does: a float without a dot, or without a sign in its exponent. */
const TAGGED_FLOAT = /^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?$/;

/** `int` of `!!int`. Undefined for a tag that means nothing here. */
export function typeOfTag(tag: string): string | undefined {
  return TAG.exec(tag)?.[1];
}

/** Reads a value that has a tag (`!!int "5"`). Undefined when the tag means nothing here, or does not fit the text. */
export function readTaggedScalar(tag: string, text: string): YamlScalarValue | undefined {
  const tagged = typeOfTag(tag);
  if (tag === '!' || tagged === 'str') return text;
  if (tagged === 'float' && TAGGED_FLOAT.test(text)) return decimal(text);
  return READINGS.find(({ type, test }) => type === tagged && test.test(text))?.read(text);
}

/** An integer beyond what a number holds exactly stays the text it is: digits of an account number must not change. */
function integer(text: string, radix: number): number | string {
  const digits = text
    .replace(/^[-+]/, '')
    .replace(/_/g, '')
    .replace(/^0[bx]/, '');
  const magnitude = Number.parseInt(digits, radix);
  if (!Number.isSafeInteger(magnitude)) return text;
  return text.startsWith('-') && magnitude !== 0 ? -magnitude : magnitude;
}

function decimal(text: string): number {
  return Number(text.replace(/_/g, ''));
}

function infinity(text: string): number {
  return text.startsWith('-') ? -Infinity : Infinity;
}
