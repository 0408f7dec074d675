import {
  EVENT_ID,
  getScalarValue,
  SCALAR_STYLE,
  type AliasEvent,
  type Event,
  type MappingEvent,
  type ScalarEvent,
  type SequenceEvent,
} from 'js-yaml';
import { readPlainScalar, readTaggedScalar, type YamlScalarValue } from './yaml-dialect.js';
import type {
  YamlEntry,
  YamlMapping,
  YamlMistake,
  YamlNode,
  YamlScalar,
  YamlSequence,
} from './yaml-nodes.js';
import { MISTAKES } from './yaml-problems.js';

/** More values than this repeated by aliases is no configuration but a file made to fill the memory. */
const MAX_REPEATED_VALUES = 10_000;

/** Between a value and the next `-`: what closes the value, and comments. */
const BEFORE_ITEM = /[\s\]},"']*(?:#.*\s*)*/y;

export interface Composed {
  /** Undefined when the file holds nothing but comments. */
  readonly root: YamlNode | undefined;
  readonly mistakes: readonly YamlMistake[];
}

/** Makes nodes of the parser's events. Never throws: what has no meaning here is among the mistakes, all at once. */
export function composeYaml(events: readonly Event[], text: string): Composed {
  const composer = new YamlComposer(events, text);
  return { root: composer.composeDocument(), mistakes: composer.mistakes };
}

type Anchored = YamlNode | 'open';

class YamlComposer {
  readonly mistakes: YamlMistake[] = [];
  readonly #events: readonly Event[];
  readonly #text: string;
  readonly #anchors = new Map<string, Anchored>();
  #next = 0;
  /** Where the last thing that has a place ends, or at least begins. */
  #reached = 0;
  #repeated = 0;

  constructor(events: readonly Event[], text: string) {
    this.#events = events;
    this.#text = text;
  }

  composeDocument(): YamlNode | undefined {
    // The first event opens the document.
    if (this.#take() === undefined) return undefined;
    const root = this.#composeNode();
    this.#take();
    if (this.#next < this.#events.length) this.#report(this.#findSecondDocument(), MISTAKES.secondDocument);
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
    const offset = isWritten ? startOf(event, this.#text) : (keyOffset ?? this.#findItem());
    if (isWritten) this.#reached = event.valueEnd;
    return this.#anchor(event, { kind: 'scalar', value: this.#readScalar(event), event, offset, size: 1 });
  }

  #readScalar(event: ScalarEvent): YamlScalarValue {
    const text = getScalarValue(this.#text, event);
    if (event.tagStart >= 0) {
      const value = readTaggedScalar(this.#text.slice(event.tagStart, event.tagEnd), text);
      if (value === undefined) this.#report(event.tagStart, MISTAKES.tag);
      return value ?? null;
    }
    return event.style === SCALAR_STYLE.PLAIN ? readPlainScalar(text) : text;
  }

  #composeSequence(event: SequenceEvent): YamlSequence {
    this.#open(event, '!!seq');
    const items: YamlNode[] = [];
    while (!this.#ends()) items.push(this.#composeNode());
    const value = items.map((item) => item.value);
    const size = items.reduce((sum, item) => sum + item.size, 1);
    return this.#anchor(event, { kind: 'sequence', value, items, offset: event.start, size });
  }

  #composeMapping(event: MappingEvent): YamlMapping {
    this.#open(event, '!!map');
    const entries = new Map<string, YamlEntry>();
    const merged: YamlNode[] = [];
    while (!this.#ends()) {
      const { key, isMerge, offset } = this.#composeKey();
      const node = this.#composeNode(offset);
      if (isMerge) merged.push(node);
      else if (key === undefined) continue;
      else if (entries.has(key)) this.#report(offset, MISTAKES.repeatedKey);
      else entries.set(key, { keyOffset: offset, node });
    }
    for (const node of merged) this.#merge(node, entries);
    return this.#anchor(event, { kind: 'mapping', entries, offset: event.start, ...valueOf(entries) });
  }

  /** Keys are text, whatever they would be as values. Undefined for one that no mapping here can hold. */
  #composeKey(): { readonly key: string | undefined; readonly isMerge: boolean; readonly offset: number } {
    const event = this.#events[this.#next];
    const { offset } = this.#composeNode();
    const key = event?.type === EVENT_ID.SCALAR ? getScalarValue(this.#text, event) : undefined;
    if (key === undefined) this.#report(offset, MISTAKES.keyIsNoText);
    if (key === '__proto__') this.#report(offset, MISTAKES.proto);
    const isMerge = key === '<<' && event?.type === EVENT_ID.SCALAR && event.style === SCALAR_STYLE.PLAIN;
    return { key: key === '__proto__' ? undefined : key, isMerge, offset };
  }

  /** `<<` takes one mapping or a list of them. What is there already stays. */
  #merge(node: YamlNode, entries: Map<string, YamlEntry>): void {
    for (const source of node.kind === 'sequence' ? node.items : [node]) {
      if (source.kind !== 'mapping') {
        this.#report(source.offset, MISTAKES.merge);
        continue;
      }
      const missing = [...source.entries].filter(([key]) => !entries.has(key));
      for (const [key, entry] of missing) entries.set(key, entry);
    }
  }

  #composeAlias(event: AliasEvent): YamlNode {
    const offset = event.anchorStart - 1;
    this.#reached = event.anchorEnd;
    const found = this.#anchors.get(this.#text.slice(event.anchorStart, event.anchorEnd));
    if (found === undefined) this.#report(offset, MISTAKES.aliasWithoutAnchor);
    if (found === 'open') this.#report(offset, MISTAKES.aliasInItself);
    if (found === undefined || found === 'open') return nothingAt(offset);
    this.#repeated += found.size;
    if (this.#repeated <= MAX_REPEATED_VALUES) return { ...found, offset };
    this.#report(offset, MISTAKES.tooManyAliases);
    return nothingAt(offset);
  }

  /** Until a collection has ended, an alias inside it that repeats it has no end. */
  #open(event: SequenceEvent | MappingEvent, tag: string): void {
    this.#reached = event.start + 1;
    const written = this.#text.slice(event.tagStart, event.tagEnd);
    if (event.tagStart >= 0 && written !== tag && written !== '!') this.#report(event.tagStart, MISTAKES.tag);
    const name = this.#nameOf(event);
    if (name !== undefined) this.#anchors.set(name, 'open');
  }

  #anchor<T extends YamlNode>(event: ScalarEvent | SequenceEvent | MappingEvent, node: T): T {
    const name = this.#nameOf(event);
    if (name !== undefined) this.#anchors.set(name, node);
    return node;
  }

  #nameOf({ anchorStart, anchorEnd }: ScalarEvent | SequenceEvent | MappingEvent): string | undefined {
    return anchorStart < 0 ? undefined : this.#text.slice(anchorStart, anchorEnd);
  }

  /** The `-` of an item that is empty, and so has no place of its own. */
  #findItem(): number {
    BEFORE_ITEM.lastIndex = this.#reached;
    BEFORE_ITEM.test(this.#text);
    return BEFORE_ITEM.lastIndex;
  }

  #findSecondDocument(): number {
    const rest = this.#text.slice(this.#reached);
    return this.#reached + Math.max(0, rest.search(/^(?:---|\.\.\.)/m));
  }

  #report(offset: number, message: string): void {
    // Of what is repeated without end, the first place says enough.
    if (message === MISTAKES.tooManyAliases && this.mistakes.some((mistake) => mistake.message === message))
      return;
    this.mistakes.push({ offset, message });
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

/** The quote, or the `|` or `>` on the line before the text, with which a value begins. */
function startOf({ style, valueStart }: ScalarEvent, text: string): number {
  if (style === SCALAR_STYLE.PLAIN) return valueStart;
  if (style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED) return valueStart - 1;
  const lineStart = text.lastIndexOf('\n', valueStart - 2) + 1;
  return lineStart + text.slice(lineStart, valueStart).search(/[|>][-+\d]*(?:[ \t]+#.*|[ \t]*)\r?\n?$/);
}
