import { describe, expect, it } from 'vitest';
import { Scrubber } from '../../../src/logging/index.js';
import { RecentLines } from '../../../src/logging/logger.js';

function filled(texts: readonly string[]): RecentLines {
  const recent = new RecentLines(new Scrubber());
  for (const text of texts) recent.lineLogged({ text });
  return recent;
}

describe('the last lines of the log', () => {
  it('are the newest, the oldest first, with the number of those before', () => {
    const recent = filled(['a\n', 'b\n', 'c\n']);
    expect(recent.last(2)).toEqual({ lines: ['b', 'c'], leftOut: 1 });
    expect(recent.last(Number.POSITIVE_INFINITY)).toEqual({ lines: ['a', 'b', 'c'], leftOut: 0 });
  });

  it('have no value that has become a secret since', () => {
    const scrubber = new Scrubber();
    const recent = new RecentLines(scrubber);
    recent.lineLogged({ text: 'the value is later-a-secret\n' });
    scrubber.register(['later-a-secret']);
    expect(recent.last(1).lines[0]).not.toContain('later-a-secret');
  });

  it('are at most a thousand', () => {
    const { lines, leftOut } = filled(Array.from({ length: 2500 }, (_, index) => `line ${index}\n`)).last(5000);
    expect([lines.length, lines[0], lines.at(-1), leftOut]).toEqual([1000, 'line 1500', 'line 2499', 1500]);
  });

  it('take no more memory when lines are long', () => {
    const { lines, leftOut } = filled(Array.from({ length: 900 }, () => 'x'.repeat(100_000))).last(1000);
    expect(lines.join('').length).toBeLessThanOrEqual(512 * 1024);
    expect(lines.length + leftOut).toBe(900);
    expect(lines[0]?.length).toBeLessThan(8300);
  });
});
