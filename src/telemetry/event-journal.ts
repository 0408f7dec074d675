import { randomBytes } from 'node:crypto';
import {
  EVENT_NAMES,
  type EventData,
  type EventName,
  EVENTS,
  formatEvent,
  type Inside,
  STREAM_EVENTS,
  toWire,
} from '../contract/index.js';
import { clip, MxcpError } from '../errors/index.js';

/** How many events of each type are remembered. A flood of one type pushes out none of the others. */
const REMEMBERED = 200;
/** A longer one is cut: it quotes something that has no limit of its own. */
const MAX_EVENT_LENGTH = 16 * 1024;

interface EventText {
  readonly number: number;
  readonly text: string;
}

interface Subscriber {
  readonly types: ReadonlySet<EventName>;
  readonly deliver: (text: string) => void;
}

export interface EventSelection {
  /** All unless given. */
  readonly types: ReadonlySet<EventName> | undefined;
  /** The id of the last event that the reader has seen. */
  readonly after: string | undefined;
}

/**
 * Numbers the events of this process, remembers the last ones of each type, and passes them to readers. An id is
 * `<process>-<number>`: the first part is new in each process, so that a reader that comes back after a restart learns of it.
 */
export class EventJournal {
  readonly #scrub: (text: string) => string;
  readonly #process = randomBytes(6).toString('hex');
  readonly #remembered = new Map<EventName, EventText[]>(EVENT_NAMES.map((name) => [name, []]));
  /** The number of the last event of each type that is not remembered. */
  readonly #forgotten = new Map<EventName, number>();
  readonly #subscribers = new Set<Subscriber>();
  #last = 0;

  constructor(scrub: (text: string) => string) {
    this.#scrub = scrub;
  }

  get readers(): number {
    return this.#subscribers.size;
  }

  add<Name extends EventName>(name: Name, data: EventData<Name>): void {
    const number = this.#count();
    const remembered = this.#remembered.get(name) ?? [];
    const text = this.#format(name, data, number);
    remembered.push({ number, text });
    if (remembered.length > REMEMBERED) this.#forgotten.set(name, remembered.shift()?.number ?? 0);
    for (const { types, deliver } of this.#subscribers) if (types.has(name)) deliver(text);
  }

  /** Forgets everything, because from now on nothing is added. A reader that comes back later learns that it may have missed events. */
  forget(): void {
    const number = this.#count();
    for (const name of EVENT_NAMES) {
      this.#remembered.set(name, []);
      this.#forgotten.set(name, number);
    }
  }

  /** Throws `bad_request` for an id that no server ever gave. The returned function begins to deliver and returns what ends that. */
  select({ types = new Set(EVENT_NAMES), after }: EventSelection): (deliver: Subscriber['deliver']) => () => void {
    const seen = after === undefined ? undefined : parseId(after);
    return (deliver) => {
      deliver(this.#formatOwn('stream.begin', { at: new Date() }, after ?? this.#idOf(this.#last)));
      if (seen !== undefined) for (const text of this.#since(seen, types)) deliver(text);
      const subscriber = { types, deliver };
      this.#subscribers.add(subscriber);
      return () => void this.#subscribers.delete(subscriber);
    };
  }

  #count(): number {
    this.#last += 1;
    return this.#last;
  }

  #since({ process, number }: EventId, types: ReadonlySet<EventName>): readonly string[] {
    const isOfThisProcess = process === this.#process && number <= this.#last;
    const seen = isOfThisProcess ? number : 0;
    const isForgotten = [...types].some((name) => (this.#forgotten.get(name) ?? 0) > seen);
    const missed = [...types]
      .flatMap((name) => this.#remembered.get(name) ?? [])
      .filter((event) => event.number > seen)
      .sort((a, b) => a.number - b.number);
    const texts = missed.map(({ text }) => text);
    if (isOfThisProcess && !isForgotten) return texts;
    const data = { at: new Date(), reason: isOfThisProcess ? 'forgotten' : 'restarted' } as const;
    // From here on, the reader is up to date with this process.
    const id = this.#idOf((missed[0]?.number ?? this.#last + 1) - 1);
    return [this.#formatOwn('stream.gap', data, id), ...texts];
  }

  #idOf(number: number): string {
    return `${this.#process}-${number}`;
  }

  #formatOwn<Name extends keyof typeof STREAM_EVENTS>(
    name: Name,
    data: Inside<(typeof STREAM_EVENTS)[Name]>,
    id: string,
  ): string {
    // The schema is that of this event.
    return formatEvent(name, JSON.stringify(toWire(STREAM_EVENTS[name], data as never)), id);
  }

  #format<Name extends EventName>(name: Name, data: EventData<Name>, number: number): string {
    const id = this.#idOf(number);
    // The schema is that of this event.
    const wire = toWire(EVENTS[name], data as never);
    const json = this.#scrub(JSON.stringify(wire));
    return formatEvent(name, json.length <= MAX_EVENT_LENGTH ? json : JSON.stringify(shortened(JSON.parse(json))), id);
  }
}

const SHORTENED_TEXT = 500;
const SHORTENED_ITEMS = 20;

/** The same value with shorter texts and fewer entries. */
function shortened(value: unknown): unknown {
  if (typeof value === 'string') return clip(value, SHORTENED_TEXT);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.slice(0, SHORTENED_ITEMS).map(shortened);
  const entries = Object.entries(value).slice(0, SHORTENED_ITEMS);
  return Object.fromEntries(entries.map(([key, held]) => [key, shortened(held)]));
}

interface EventId {
  readonly process: string;
  readonly number: number;
}

function parseId(text: string): EventId {
  const [, process, number] = /^([0-9a-f]{12})-(\d{1,15})$/.exec(text) ?? [];
  if (process !== undefined) return { process, number: Number(number) };
  throw new MxcpError(
    'bad_request',
    '`Last-Event-ID` must be the `id` of an event as it was received; leave it out to read only new events',
  );
}
