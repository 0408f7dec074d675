import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVENT_NAMES, EVENTS, type EventName } from '../../../src/contract/index.js';
import { EventJournal } from '../../../src/telemetry/index.js';

interface Read {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

function parse(text: string): Read {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1];
  return { id: field('id'), event: field('event') ?? '', data: JSON.parse(field('data') ?? '{}') as Read['data'] };
}

function read(
  journal: EventJournal,
  after?: string,
  ...types: readonly EventName[]
): { events: Read[]; stop: () => void } {
  const events: Read[] = [];
  const selection = { types: types.length === 0 ? undefined : new Set(types), after };
  const stop = journal.select(selection)((text) => void events.push(parse(text)));
  return { events, stop };
}

function addPhase(journal: EventJournal, activity = 'x'): void {
  journal.add('phase', { at: new Date('2026-01-02T03:04:05.678Z'), phase: 'starting', activity });
}

function addLine(journal: EventJournal, message: string): void {
  journal.add('log', { at: new Date(), level: 'warn', component: null, message, fields: {} });
}

const names = ({ events }: { readonly events: readonly Read[] }): readonly string[] => events.map(({ event }) => event);
const plain = (text: string): string => text;

describe('a reader', () => {
  test('gets what happens from now on, with its data as the contract has it', () => {
    const journal = new EventJournal(plain);
    addPhase(journal);
    const reader = read(journal);
    addPhase(journal, 'opening the database');
    expect(reader.events).toEqual([
      { id: expect.stringMatching(/^[0-9a-f]{12}-1$/), event: 'stream.begin', data: { at: expect.any(String) } },
      {
        id: expect.stringMatching(/^[0-9a-f]{12}-2$/),
        event: 'phase',
        data: { at: '2026-01-02T03:04:05.678Z', phase: 'starting', activity: 'opening the database' },
      },
    ]);
    expect(EVENTS.phase.safeParse(reader.events[1]?.data).success).toBe(true);
  });

  test('gets nothing more once it has stopped', () => {
    const journal = new EventJournal(plain);
    const reader = read(journal);
    reader.stop();
    addPhase(journal);
    expect(names(reader)).toEqual(['stream.begin']);
  });

  test('gets only the types that it asked for', () => {
    const journal = new EventJournal(plain);
    const reader = read(journal, undefined, 'log');
    addPhase(journal);
    addLine(journal, 'a');
    expect(names(reader)).toEqual(['stream.begin', 'log']);
  });

  test('that comes back gets what it has missed, and no gap', () => {
    const journal = new EventJournal(plain);
    const first = read(journal);
    addPhase(journal);
    first.stop();
    addPhase(journal);
    addLine(journal, 'a');
    const second = read(journal, first.events.at(-1)?.id);
    addPhase(journal);
    expect(names(second)).toEqual(['stream.begin', 'phase', 'log', 'phase']);
  });

  test('that comes back too late learns so, and gets what is still known', () => {
    const journal = new EventJournal(plain);
    const { events } = read(journal);
    for (let at = 0; at < 201; at += 1) addLine(journal, String(at));
    const late = read(journal, events[0]?.id);
    expect(late.events[1]).toMatchObject({ event: 'stream.gap', data: { reason: 'forgotten' } });
    expect(late.events.slice(2).map(({ data }) => data['message'])).toEqual(
      Array.from({ length: 200 }, (_, at) => String(at + 1)),
    );
    // A reader that did not ask for the type which was forgotten has missed nothing.
    expect(names(read(journal, events[0]?.id, 'phase'))).toEqual(['stream.begin']);
  });

  test('that comes back to another process learns so, and then is up to date with this one', () => {
    const before = read(new EventJournal(plain));
    const journal = new EventJournal(plain);
    addPhase(journal);
    const after = read(journal, before.events[0]?.id);
    expect(names(after)).toEqual(['stream.begin', 'stream.gap', 'phase']);
    expect(after.events[1]?.data).toMatchObject({ reason: 'restarted' });
    expect(names(read(journal, after.events[1]?.id))).toEqual(['stream.begin', 'phase']);
    expect(names(read(journal, after.events[2]?.id))).toEqual(['stream.begin']);
  });

  test('that comes back after a long time without readers learns that it may have missed something', () => {
    const journal = new EventJournal(plain);
    const { events } = read(journal);
    addPhase(journal);
    journal.forget();
    expect(names(read(journal, events[0]?.id))).toEqual(['stream.begin', 'stream.gap']);
  });

  test.each(['', 'x', '12', '0123456789ab-', '0123456789ab--1', '0123456789abc-1'])(
    'may not come back with %j',
    (after) => {
      expect(() => new EventJournal(plain).select({ types: undefined, after })).toThrow(
        /`Last-Event-ID` must be the `id`/,
      );
    },
  );
});

describe('an event', () => {
  test('is redacted', () => {
    const journal = new EventJournal((text) => text.replaceAll('hunter2', '[secret]'));
    const reader = read(journal);
    addLine(journal, 'no hunter2');
    expect(reader.events[1]?.data).toMatchObject({ message: 'no [secret]' });
  });

  test('that quotes something without a limit is cut', () => {
    const journal = new EventJournal(plain);
    const reader = read(journal);
    const fields = { deep: [{ text: 'y'.repeat(20_000) }], many: Array.from({ length: 1000 }, () => 1) };
    journal.add('log', { at: new Date(), level: 'error', component: 'x', message: 'm'.repeat(50_000), fields });
    const [, event] = reader.events;
    expect(JSON.stringify(event).length).toBeLessThan(3000);
    expect(event?.data).toMatchObject({ level: 'error', message: `${'m'.repeat(500)}…` });
  });
});

test('whatever happens and whenever a reader goes and comes back: it reads every event once and in order, or learns of a gap', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...EVENT_NAMES) },
    { weight: 2, arbitrary: fc.constant('leave' as const) },
    { weight: 2, arbitrary: fc.constant('return' as const) },
    { weight: 1, arbitrary: fc.constant('flood' as const) },
    { weight: 1, arbitrary: fc.constant('forget' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const journal = new EventJournal(plain);
      const seen: Read[] = [];
      const add = (): void => {
        added += 1;
        addLine(journal, String(added));
      };
      let added = 0;
      let lastId: string | undefined;
      let stop: (() => void) | undefined;
      const begin = (): void => {
        stop ??= journal.select({ types: undefined, after: lastId })((text) => {
          const event = parse(text);
          lastId = event.id;
          seen.push(event);
        });
      };
      begin();
      for (const each of steps) {
        if (each === 'leave') {
          stop?.();
          stop = undefined;
        } else if (each === 'return') begin();
        else if (each === 'flood') for (let at = 0; at < 150; at += 1) add();
        else if (each === 'forget') journal.forget();
        else add();
      }
      begin();
      let expected = 1;
      for (const { event, data } of seen) {
        if (event === 'stream.gap') expected = Number.NaN;
        if (event !== 'log') continue;
        const number = Number(data['message']);
        if (!Number.isNaN(expected)) expect(number).toBe(expected);
        expected = number + 1;
      }
      if (added > 0 && !Number.isNaN(expected)) expect(expected).toBe(added + 1);
    }),
  );
});
