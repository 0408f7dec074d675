import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEvents } from '../../../src/admin/client/event-reader.js';
import { formatEvent } from '../../../src/contract/index.js';

async function parse(chunks: readonly string[]): Promise<unknown[]> {
  const events: unknown[] = [];
  const stream = (async function* () {
    yield* chunks;
  })();
  for await (const event of parseEvents(stream)) events.push(event);
  return events;
}

describe('server-sent events', () => {
  test('have a name, data and the last id; comments, delays and events without data are left out', async () => {
    const text =
      ': hello\nretry: 1000\n\nid: a-1\n\nevent: log\ndata: {"a":1}\n\nid: a-2\nevent: phase\ndata: {\ndata: }\n\n';
    expect(await parse([text])).toEqual([
      { id: 'a-1', event: 'log', data: { a: 1 } },
      { id: 'a-2', event: 'phase', data: {} },
    ]);
  });

  test('an event that is cut off is left out', async () => {
    expect(await parse(['event: log\ndata: {"a":1}\n'])).toEqual([]);
  });

  test.each([
    ['data that is not JSON', 'data: <html>\n\n'],
    ['a line that never ends', 'x'.repeat(1024 * 1024 + 1)],
  ])('%s belongs to another server', async (_, text) => {
    await expect(parse([text])).rejects.toMatchObject({
      code: 'connection_failed',
      message: 'the answer does not consist of events: this socket does not belong to the admin API of an mxcp server',
    });
  });

  test('arrive whole, however they are cut into chunks', async () => {
    const event = fc.record({
      id: fc.stringMatching(/^[a-f0-9-]{1,20}$/),
      event: fc.constantFrom('log', 'phase'),
      data: fc.jsonValue(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 8 }), fc.array(fc.nat({ max: 60 })), async (events, cuts) => {
        const text = events.map((each) => formatEvent(each.event, JSON.stringify(each.data), each.id)).join('');
        const chunks: string[] = [];
        let at = 0;
        for (const cut of cuts) {
          chunks.push(text.slice(at, at + cut));
          at += cut;
        }
        const expected: unknown = JSON.parse(JSON.stringify(events));
        expect(await parse([...chunks, text.slice(at)])).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });
});
