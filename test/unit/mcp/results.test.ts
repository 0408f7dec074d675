import { Writable } from 'node:stream';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonResult } from '../../../src/values/index.js';
import type { JsonObject, JsonValue } from '../../../src/duckdb/index.js';
import { ResultSplices, toResourceResult, toToolResult, writeMessage } from '../../../src/mcp/results.js';

/** Collects what is written, as slowly as a reader that takes one chunk at a time. */
class Collector extends Writable {
  readonly chunks: Buffer[] = [];

  constructor() {
    super({ highWaterMark: 1 });
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    setImmediate(done);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('utf8');
  }
}

async function written(result: object, splices: ResultSplices): Promise<string> {
  const collector = new Collector();
  await writeMessage(splices.partsOf(JSON.stringify({ jsonrpc: '2.0', id: 1, result })), collector);
  return collector.text;
}

function unspliced(result: object): string {
  return JSON.stringify({ jsonrpc: '2.0', id: 1, result });
}

function shaped(shape: JsonResult['shape'], value: JsonValue, bytes: number): JsonResult {
  // The generators below give each shape its own kind of value.
  return {
    shape,
    texts: textsOf(shape, value),
    bytes,
    ...(shape === 'array' ? { items: value } : { value }),
  } as JsonResult;
}

/** Items are compact, an object is indented, and the text of a string is the string itself. */
function textsOf(shape: JsonResult['shape'], value: JsonValue): string[] {
  if (shape === 'array' && Array.isArray(value)) return value.map((item) => JSON.stringify(item));
  if (shape === 'scalar' && typeof value === 'string') return [value];
  return [JSON.stringify(value, null, shape === 'object' ? 2 : 0)];
}

/** Values that break careless code: quotes, escapes, emoji (pairs), text that looks like a result, long texts. */
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('"}]}', '{"type":"text","text":"x"}', '\u2028\u0000\\', '😀'.repeat(40_000), 'x"'.repeat(50_000)),
);
const json: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 2 },
    text,
    fc.integer(),
    fc.constantFrom(null, true),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;
const object: fc.Arbitrary<JsonObject> = fc.dictionary(text, json, { maxKeys: 4, noNullPrototype: true });

const LARGE = 1024 * 1024;

describe('a result that is written in slices', () => {
  it.each([
    ['array', fc.array(json, { maxLength: 6 })],
    ['array', fc.array(fc.string(), { minLength: 95, maxLength: 110 })],
    ['object', object],
    ['scalar', json],
  ] as const)('is the same message as one that is serialised whole (%s)', async (shape, values) => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const splices = new ResultSplices();
        const sliced = toToolResult(shaped(shape, value, LARGE), splices);
        const whole = toToolResult(shaped(shape, value, 0), new ResultSplices());
        expect(JSON.stringify(sliced).length).toBeLessThan(200);
        const message = await written(sliced, splices);
        expect(message).not.toMatch(/[\r\n]/);
        expect(JSON.parse(message)).toEqual(JSON.parse(unspliced(whole)));
      }),
      { numRuns: 60 },
    );
  });

  it.each([0, LARGE])('has one text block when it has no item or more than 100 (%i bytes)', async (bytes) => {
    for (const [length, blocks] of [
      [0, 1],
      [1, 1],
      [100, 100],
      [101, 1],
    ] as const) {
      const list = Array.from({ length }, (_, n) => ({ n, text: 'two\nlines' }));
      const splices = new ResultSplices();
      const message = JSON.parse(await written(toToolResult(shaped('array', list, bytes), splices), splices));
      const texts: readonly string[] = message.result.content.map((block: { text: string }) => block.text);
      expect(texts).toHaveLength(blocks);
      expect(texts.flatMap((each) => JSON.parse(each))).toEqual(list);
      expect(message.result.structuredContent).toEqual({ result: list });
    }
  });

  it.each([0, LARGE])('says when there were more rows (%i bytes)', async (bytes) => {
    const splices = new ResultSplices();
    const leftOut = { because: 'rows', offset: 0, nextOffset: 2, total: 7, argument: 'limit' } as const;
    // The shape is that of an array.
    const result = { ...shaped('array', [{ n: 1 }, { n: 2 }], bytes), leftOut } as JsonResult;
    const message = JSON.parse(await written(toToolResult(result, splices), splices));
    const facts = { truncated: true, returned: 2, total: 7 };
    expect(message.result.structuredContent).toEqual({ result: [{ n: 1 }, { n: 2 }], ...facts });
    expect(message.result.content.map((block: { text: string }) => block.text)).toEqual([
      '{"n":1}',
      '{"n":2}',
      `These are the first 2 rows of 7 (about ${bytes / 4} tokens). Narrow the query, or give a larger "limit".`,
    ]);
  });

  it('is the same text of a resource', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1 }), async (pieces) => {
        const texts = [...pieces, 'ä"\n'.repeat(30_000)];
        const splices = new ResultSplices();
        const bytes = Buffer.byteLength(texts.join(''));
        const resource = { uri: 'a://b', mimeType: 'text/plain', texts, bytes, isBinary: false };
        const result = toResourceResult(resource, splices);
        const message = JSON.parse(await written(result, splices));
        expect(message.result.contents).toEqual([{ uri: 'a://b', mimeType: 'text/plain', text: texts.join('') }]);
      }),
      { numRuns: 40 },
    );
  });

  it('does not change messages without a placeholder', () => {
    const splices = new ResultSplices();
    splices.addString(() => ['"secret"']);
    const message = '{"text":"00000000-0000-4000-8000-000000000000"}';
    expect(splices.partsOf(message)).toEqual([message]);
  });

  it('is written once', () => {
    const splices = new ResultSplices();
    const token = splices.addString(() => ['"value"']);
    expect(splices.partsOf(`{"a":"${token}"}`)).toHaveLength(3);
    expect(splices.partsOf(`{"a":"${token}"}`)).toEqual([`{"a":"${token}"}`]);
  });

  it('lets the event loop turn while 10 MiB are written', async () => {
    const row = { id: 1, name: 'Ada "the first"', note: 'x'.repeat(80) };
    const rows = Array.from({ length: 90_000 }, () => row);
    const result = shaped('array', rows, 10 * LARGE);
    const splices = new ResultSplices();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    let turns = 0;
    const ticker = setInterval(() => {
      turns += 1;
    }, 1);
    delay.enable();
    const message = await written(toToolResult(result, splices), splices);
    delay.disable();
    clearInterval(ticker);
    // Measured, not asserted, since it depends on the machine; that the loop turns at all does not.
    console.log(`${(message.length / LARGE).toFixed(1)} MiB written, longest delay ${(delay.max / 1e6).toFixed(1)} ms`);
    expect(turns).toBeGreaterThan(5);
  });
});
