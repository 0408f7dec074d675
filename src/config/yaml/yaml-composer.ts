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
import type { TextLines } from './text-lines.js';
import { YamlAnchors } from './yaml-anchors.js';
import { readPlainScalar, readTaggedScalar, typeOfTag, type YamlScalarValue } from './yaml-dialect.js';
import { MISTAKES, type MeaningMistake, type YamlMistakeKind } from './yaml-mistakes.js';
import type { YamlEntry, YamlMapping, YamlNode, YamlScalar, YamlSequence } from './yaml-nodes.js';
import { YamlPlaces } from './yaml-places.js';

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
