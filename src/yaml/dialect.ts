import { defineMappingTag, defineScalarTag, defineSequenceTag, loadAll, NOT_RESOLVED, Schema, strTag } from 'js-yaml';
import type { ScalarTag } from 'yaml';

type ScalarValue = string | number | boolean | null;

interface ScalarType {
  readonly tag: string;
  /** What a value without quotes looks like when it is of this type. No text fits two types. */
  readonly test: RegExp;
  /** What a value with the tag of this type (`!!float 5`) may look like besides. */
  readonly testTagged?: RegExp;
  readonly firstCharacters: readonly string[];
  readonly read: (text: string) => ScalarValue;
}

/** PyYAML's reading of values without quotes, except for two of its traps (docs/decisions/0002-yaml-version.md). */
const SCALAR_TYPES: readonly ScalarType[] = [
  { tag: 'tag:yaml.org,2002:null', test: /^(?:~|null|Null|NULL)?$/, firstCharacters: ['', ...'~nN'], read: () => null },
  {
    tag: 'tag:yaml.org,2002:bool',
    test: /^(?:true|True|TRUE|yes|Yes|YES|on|On|ON|false|False|FALSE|no|No|NO|off|Off|OFF)$/,
    firstCharacters: [...'tTyYoOfFnN'],
    read: (text) => /^(?:true|yes|on)$/i.test(text),
  },
  {
    tag: 'tag:yaml.org,2002:int',
    test: /^[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$/,
    firstCharacters: [...'-+0123456789'],
    read: readInteger,
  },
  {
    tag: 'tag:yaml.org,2002:float',
    test: /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
    testTagged: /^[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?$/,
    firstCharacters: [...'-+.0123456789'],
    read: readFloat,
  },
];

/** An integer that a JavaScript number cannot hold exactly stays text: digits of an account number must not change. */
function readInteger(text: string): number | string {
  const digits = text.replace(/^[-+]/, '').replaceAll('_', '');
  const magnitude = /^0[0-7]/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  if (!Number.isSafeInteger(magnitude)) return text;
  return text.startsWith('-') && magnitude !== 0 ? -magnitude : magnitude;
}

function readFloat(text: string): number {
  const written = text.toLowerCase().replaceAll('_', '');
  if (written.endsWith('.inf')) return written.startsWith('-') ? -Infinity : Infinity;
  return written === '.nan' ? Number.NaN : Number(written);
}

/** A value that is not text, together with its text: keys are text, whatever they would mean as values. */
class TypedScalar {
  constructor(
    readonly text: string,
    readonly value: ScalarValue,
  ) {}
}

const valueOf = (item: unknown): unknown => (item instanceof TypedScalar ? item.value : item);
const keyOf = (item: unknown): unknown => (item instanceof TypedScalar ? item.text : item);

const scalarTags = SCALAR_TYPES.map(({ tag, test, testTagged, firstCharacters, read }) =>
  defineScalarTag(tag, {
    implicit: true,
    implicitFirstChars: firstCharacters,
    resolve: (text, isTagged) =>
      test.test(text) || (isTagged && testTagged?.test(text)) ? new TypedScalar(text, read(text)) : NOT_RESOLVED,
    identify: () => false,
  }),
);

const sequenceTag = defineSequenceTag<unknown[]>('tag:yaml.org,2002:seq', {
  create: () => [],
  addItem: (items, item) => void items.push(valueOf(item)),
  identify: () => false,
});

const mappingTag = defineMappingTag<Record<string, unknown>>('tag:yaml.org,2002:map', {
  create: () => ({}),
  addPair: (mapping, key, value) => {
    const text = keyOf(key);
    if (typeof text !== 'string' || text === '__proto__') return 'not a key';
    mapping[text] = valueOf(value);
    return '';
  },
  has: (mapping, key) => Object.hasOwn(mapping, String(keyOf(key))),
  keys: Object.keys,
  get: (mapping, key) => mapping[String(key)],
  identify: () => false,
});

const schema = new Schema([strTag, ...scalarTags, sequenceTag, mappingTag]);

/**
 * The values of all documents in a text without anchors and merge keys. Throws `YAMLException` for everything that is
 * wrong, and for a closing bracket that is not indented deeper than the key of its list or mapping.
 */
export function loadDocuments(text: string): readonly unknown[] {
  return loadAll(text, { schema }).map(valueOf);
}

/** The same types for the package `yaml`. */
export const SCALAR_TAGS: ScalarTag[] = SCALAR_TYPES.flatMap(({ tag, test, testTagged, read }) => [
  { tag, test, default: true, resolve: read },
  {
    tag,
    resolve: (text: string, onError: (message: string) => void) => {
      if (test.test(text) || testTagged?.test(text)) return read(text);
      onError('the value does not fit the tag');
      return text;
    },
  },
]);
