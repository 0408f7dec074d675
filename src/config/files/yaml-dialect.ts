import { Schema, type DocumentOptions, type ParseOptions, type ScalarTag, type Tags } from 'yaml';

const REPLACED = new Set(['tag:yaml.org,2002:bool', 'tag:yaml.org,2002:int', 'tag:yaml.org,2002:float']);

const SCALAR_TAGS: readonly ScalarTag[] = [
  scalar('bool', /^(?:true|True|TRUE|yes|Yes|YES|on|On|ON)$/, () => true),
  scalar('bool', /^(?:false|False|FALSE|no|No|NO|off|Off|OFF)$/, () => false),
  scalar('int', /^[-+]?0b[01_]+$/, (text) => integer(text, 2)),
  scalar('int', /^[-+]?0[0-7_]+$/, (text) => integer(text, 8)),
  scalar('int', /^[-+]?0x[0-9a-fA-F_]+$/, (text) => integer(text, 16)),
  scalar('int', /^[-+]?(?:0|[1-9][0-9_]*)$/, (text) => integer(text, 10)),
  scalar('float', /^[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?$/, decimal),
  scalar('float', /^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$/, decimal),
  scalar('float', /^[-+]?\.(?:inf|Inf|INF)$/, (text) => (text.startsWith('-') ? -Infinity : Infinity)),
  scalar('float', /^\.(?:nan|NaN|NAN)$/, () => Number.NaN),
];

/**
 * The YAML that projects are written in: what PyYAML reads, without its two traps (see
 * docs/decisions/0002-yaml-version.md). `yes`, `on` and `010` mean what they meant; `12:30` and `2024-01-31` are text.
 * The schema is made once: making it anew for each of a thousand files costs a tenth of the start.
 */
export const YAML_DIALECT: ParseOptions & DocumentOptions & { readonly schema: Schema } = {
  version: '1.1',
  schema: new Schema({
    schema: 'core',
    merge: true,
    resolveKnownTags: false,
    customTags: (tags: Tags) => [...tags.filter((tag) => !isScalarOfCore(tag)), ...SCALAR_TAGS],
  }),
  stringKeys: true,
  uniqueKeys: true,
  // The pretty form quotes the line, which may hold a secret.
  prettyErrors: false,
};

function isScalarOfCore(tag: Tags[number]): boolean {
  return typeof tag === 'object' && REPLACED.has(tag.tag);
}

function scalar(name: string, test: RegExp, resolve: (text: string) => unknown): ScalarTag {
  return { tag: `tag:yaml.org,2002:${name}`, default: true, test, resolve };
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
