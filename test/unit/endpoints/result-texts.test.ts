import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TextCollector } from '../../../src/values/results.js';

describe('the texts of a result', () => {
  it('come back as they were added, however many and large they are', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer({ min: 1, max: 200_000 }).map((count) => 'ä😀"\n'.repeat(count / 4)),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 40 }), (texts) => {
        const collector = new TextCollector();
        for (const each of texts) collector.add(each);
        expect([...collector.toTexts()]).toEqual(texts);
        expect([...collector.toTexts()]).toHaveLength(collector.length);
        expect(collector.bytes).toBe(Buffer.byteLength(texts.join('')));
      }),
      { numRuns: 60 },
    );
  });

  it('stay plain strings while they are few', () => {
    const collector = new TextCollector();
    collector.add('{"a":1}');
    expect(collector.toTexts()).toEqual(['{"a":1}']);
  });
});
