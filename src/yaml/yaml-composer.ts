import {
  type AliasEvent,
  type Event,
  EVENT_ID,
  getScalarValue,
  type MappingEvent,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
} from 'js-yaml';
import type { TextLines } from './text-lines.js';
import { type MeaningMistake, MISTAKES, type YamlMistakeKind } from './yaml-syntax.js';

export interface Composed {
  /** Undefined when the file holds nothing but comments. */
  readonly root: YamlNode | undefined;
  readonly mistakes: readonly MeaningMistake[];
}

/** Makes nodes of the parser's events. Never throws: what has no meaning here is among the mistakes, all at once. */
export function composeYaml(events: readonly Event[], lines: TextLines): Composed {
  const composer = new YamlComposer(events, lines);
  return { root: composer.composeDocument(), mistakes: composer.mistakes };
}

type NodeEvent = ScalarEvent | SequenceEvent | MappingEvent;

class YamlComposer {
  readonly mistakes: MeaningMistake[] = [];
  readonly #events: readonly Event[];
  readonly #text: string;
  readonly #places: YamlPlaces;
  readonly #anchors = new YamlAnchors();
  #next = 0;
  #saidTooMany = false;

  constructor(events: readonly Event[], lines: TextLines) {
    this.#events = events;
    this.#text = lines.text;
    this.#places = new YamlPlaces(lines);
  }

  composeDocument(): YamlNode | undefined {
    // The first event opens the document.
    if (this.#take() === undefined) return undefined;
    const root = this.#composeNode();
    this.#take();
    if (this.#next < this.#events.length) this.#report('secondDocument', this.#places.findSecondDocument());
    return root;
  }

  #take(): Event | undefined {
    const event = this.#events[this.#next];
    this.#next += 1;
    return event;
  }

  /** Whether the collection that was opened last ends here; then its end is taken. */
  #ends(): boolean {
    if (this.#events[this.#next]?.type !== EVENT_ID.POP) return false;
    this.#next += 1;
    return true;
  }

  #composeNode(keyOffset?: number): YamlNode {
    const event = this.#take();
    switch (event?.type) {
      case EVENT_ID.SCALAR:
        return this.#composeScalar(event, keyOffset);
      case EVENT_ID.SEQUENCE:
        return this.#composeSequence(event);
      case EVENT_ID.MAPPING:
        return this.#composeMapping(event);
      case EVENT_ID.ALIAS:
        return this.#composeAlias(event);
      default:
        throw new Error('every document, key and item has a value among the events');
    }
  }

  /** A value that is not written stands at its key, or where its `-` is. */
  #composeScalar(event: ScalarEvent, keyOffset?: number): YamlScalar {
    const isWritten = event.valueStart >= 0;
    const offset = isWritten ? this.#places.startOf(event) : (keyOffset ?? this.#places.findDash());
    const end = Math.max(event.valueEnd, event.anchorEnd, event.tagEnd);
    if (end >= 0) this.#places.reach(end);
    return this.#anchor(event, { kind: 'scalar', value: this.#readScalar(event), event, offset, size: 1 });
  }

  #readScalar(event: ScalarEvent): YamlScalarValue {
    const text = getScalarValue(this.#text, event);
    const tag = this.#tagOf(event);
    if (tag === undefined) return event.style === SCALAR_STYLE.PLAIN ? readPlainScalar(text) : text;
    const value = readTaggedScalar(tag, text);
    if (value === undefined) this.#report(typeOfTag(tag) ? 'tagMisfit' : 'tag', event.tagStart);
    return value ?? null;
  }

  #composeSequence(event: SequenceEvent): YamlSequence {
    this.#open(event, 'seq');
    const items: YamlNode[] = [];
    while (!this.#ends()) items.push(this.#composeNode());
    const value = items.map((item) => item.value);
    const size = items.reduce((sum, item) => sum + item.size, 1);
    return this.#anchor(event, { kind: 'sequence', value, items, offset: event.start, size });
  }

  #composeMapping(event: MappingEvent): YamlMapping {
    this.#open(event, 'map');
    const entries = new Map<string, YamlEntry>();
    let merged: YamlNode | undefined;
    while (!this.#ends()) {
      const { key, isMerge, offset } = this.#composeKey();
      const node = this.#composeNode(offset);
      if (key === undefined) continue;
      if (isMerge ? merged !== undefined : entries.has(key)) this.#report('repeatedKey', offset);
      else if (isMerge) merged = node;
      else entries.set(key, { keyOffset: offset, node });
    }
    if (merged !== undefined) this.#merge(merged, entries);
    return this.#anchor(event, { kind: 'mapping', entries, offset: event.start, ...valueOf(entries) });
  }

  /** Keys are text, whatever they would be as values. Undefined for one that no mapping here can hold. */
  #composeKey(): { readonly key: string | undefined; readonly isMerge: boolean; readonly offset: number } {
    const event = this.#events[this.#next];
    const { offset } = this.#composeNode();
    const key = event?.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, event) : undefined;
    if (key === undefined) this.#report('keyIsNoText', offset);
    if (key === '__proto__') this.#report('proto', offset);
    const isPlain =
      event?.type === EVENT_ID.SCALAR && event.style === SCALAR_STYLE.PLAIN && event.tagStart < 0;
    return { key: key === '__proto__' ? undefined : key, isMerge: key === '<<' && isPlain, offset };
  }

  /** `<<` takes one mapping or a list of them. What is there already stays. */
  #merge(node: YamlNode, entries: Map<string, YamlEntry>): void {
    for (const source of node.kind === 'sequence' ? node.items : [node]) {
      if (source.kind !== 'mapping') {
        this.#report('merge', source.offset);
        continue;
      }
      const missing = [...source.entries].filter(([key]) => !entries.has(key));
      for (const [key, entry] of missing) entries.set(key, entry);
    }
  }

  #composeAlias({ anchorStart, anchorEnd }: AliasEvent): YamlNode {
    const offset = anchorStart - 1;
    this.#places.reach(anchorEnd);
    const repeated = this.#anchors.repeat(this.#text.slice(anchorStart, anchorEnd));
    if (typeof repeated !== 'string') return { ...repeated, offset };
    this.#report(repeated, offset);
    return nothingAt(offset);
  }

  #open(event: SequenceEvent | MappingEvent, type: 'seq' | 'map'): void {
    this.#places.reach(event.start);
    const tag = this.#tagOf(event);
    if (tag !== undefined && tag !== '!' && typeOfTag(tag) !== type)
      this.#report(typeOfTag(tag) ? 'tagMisfit' : 'tag', event.tagStart);
    this.#anchors.open(this.#nameOf(event));
  }

  #anchor<T extends YamlNode>(event: NodeEvent, node: T): T {
    this.#anchors.set(this.#nameOf(event), node);
    return node;
  }

  #nameOf({ anchorStart, anchorEnd }: NodeEvent): string | undefined {
    return anchorStart < 0 ? undefined : this.#text.slice(anchorStart, anchorEnd);
  }

  #tagOf({ tagStart, tagEnd }: NodeEvent): string | undefined {
    return tagStart < 0 ? undefined : this.#text.slice(tagStart, tagEnd);
  }

  #report(kind: YamlMistakeKind, offset: number): void {
    // Of what is repeated without end, the first place says enough.
    if (kind === 'tooManyAliases' && this.#saidTooMany) return;
    this.#saidTooMany ||= kind === 'tooManyAliases';
    this.mistakes.push({ kind, offset, message: MISTAKES[kind] });
  }
}

function valueOf(entries: ReadonlyMap<string, YamlEntry>): Pick<YamlMapping, 'value' | 'size'> {
  const value: Record<string, unknown> = {};
  let size = 1;
  for (const [key, { node }] of entries) {
    value[key] = node.value;
    size += node.size;
  }
  return { value, size };
}

/** What stands for a mistake until the file is refused because of it. */
function nothingAt(offset: number): YamlSequence {
  return { kind: 'sequence', value: [], items: [], offset, size: 1 };
}

/** More values than this repeated by aliases is no configuration but a file made to fill the memory. */
const MAX_REPEATED_VALUES = 10_000;

export type AliasFailure = 'aliasWithoutAnchor' | 'aliasInItself' | 'tooManyAliases';

/** What the anchors of one document name. */
export class YamlAnchors {
  readonly #nodes = new Map<string, YamlNode | 'open'>();
  #repeated = 0;

  /** A list or mapping begins. Until it has ended, an alias inside it that repeats it has no end. */
  open(name: string | undefined): void {
    if (name !== undefined) this.#nodes.set(name, 'open');
  }

  set(name: string | undefined, node: YamlNode): void {
    if (name !== undefined) this.#nodes.set(name, node);
  }

  repeat(name: string): YamlNode | AliasFailure {
    const node = this.#nodes.get(name);
    if (node === undefined) return 'aliasWithoutAnchor';
    if (node === 'open') return 'aliasInItself';
    this.#repeated += node.size;
    return this.#repeated > MAX_REPEATED_VALUES ? 'tooManyAliases' : node;
  }
}

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

/** One value of a YAML file and where it stands. An alias is the node that it repeats, at its own place. */
export type YamlNode = YamlScalar | YamlSequence | YamlMapping;

interface Placed {
  /** Characters from the start of the text. */
  readonly offset: number;
  /** How many values it holds with itself, those that aliases repeat included. */
  readonly size: number;
}

export interface YamlScalar extends Placed {
  readonly kind: 'scalar';
  readonly value: YamlScalarValue;
  readonly event: ScalarEvent;
}

export interface YamlSequence extends Placed {
  readonly kind: 'sequence';
  readonly value: readonly unknown[];
  readonly items: readonly YamlNode[];
}

export interface YamlMapping extends Placed {
  readonly kind: 'mapping';
  readonly value: Readonly<Record<string, unknown>>;
  /** With those that `<<` brings in, which stand where they are written. */
  readonly entries: ReadonlyMap<string, YamlEntry>;
}

export interface YamlEntry {
  readonly keyOffset: number;
  readonly node: YamlNode;
}

/** Between a value and the next `-`: what opens or closes the value, and comments. */
const BEFORE_DASH = /[\s[\]{},:?"']*(?:#.*\s*)*/y;
/** What a block begins with, to the end of its line. */
const BLOCK_HEADER = /[|>][-+\d]*(?:[ \t]+#.*|[ \t]*)[\r\n]*$/;

/** Finds out where things stand for which the parser's events have no place of their own, or another one. */
export class YamlPlaces {
  readonly #lines: TextLines;
  /** Where the last thing that has a place ends, or at least begins. */
  #reached = 0;

  constructor(lines: TextLines) {
    this.#lines = lines;
  }

  /** Whatever comes next stands behind this offset. */
  reach(offset: number): void {
    this.#reached = offset;
  }

  /** The quote, the `|` or the `>` with which a written value begins. */
  startOf({ style, valueStart }: ScalarEvent): number {
    if (style === SCALAR_STYLE.PLAIN) return valueStart;
    if (style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED) return valueStart - 1;
    // The text of a block may be empty and end with the file: then its header is the last line.
    const lineStart = this.#lines.startOfLine(valueStart - 1);
    return lineStart + this.#lines.text.slice(lineStart, valueStart).search(BLOCK_HEADER);
  }

  /** The `-` of an item that is empty. */
  findDash(): number {
    BEFORE_DASH.lastIndex = this.#reached;
    BEFORE_DASH.test(this.#lines.text);
    const dash = BEFORE_DASH.lastIndex;
    this.#reached = dash + 1;
    return dash;
  }

  findSecondDocument(): number {
    const rest = this.#lines.text.slice(this.#reached);
    return this.#reached + Math.max(0, rest.search(/^(?:---|\.\.\.)/m));
  }
}
