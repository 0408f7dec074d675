import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { LineReader } from '../../../src/python/worker-pipes.js';

function read(options: { readonly maxLineBytes?: number; readonly onLine?: (line: string) => void } = {}) {
  const stream = new PassThrough();
  const lines: string[] = [];
  const failures: unknown[] = [];
  const onLine = (line: Buffer): void => {
    options.onLine?.(line.toString());
    lines.push(line.toString());
  };
  const reader = new LineReader(stream, options.maxLineBytes ?? 1000, onLine, (error) => failures.push(error));
  return { stream, lines, failures, reader };
}

describe('lines of a stream', () => {
  it('come whole, however the stream is cut, and without what has no end', async () => {
    const text = 'one\ntwo é two\n\nfour\n'.repeat(50);
    for (const size of [1, 2, 3, 7, 64, 10_000]) {
      const { stream, lines, reader } = read();
      const bytes = Buffer.from(`${text}rest`);
      for (let start = 0; start < bytes.length; start += size) stream.write(bytes.subarray(start, start + size));
      stream.end();
      await reader.ended;
      expect(lines.map((line) => `${line}\n`).join('')).toBe(text);
    }
  });

  it('let others have the event loop, in order all the same', async () => {
    const spin = (): void => {
      const end = performance.now() + 1;
      while (performance.now() < end);
    };
    const { stream, lines, reader } = read({ onLine: spin });
    stream.end(Array.from({ length: 100 }, (_, index) => `${index}\n`).join(''));
    let turns = 0;
    const counter = setInterval(() => (turns += 1), 0);
    await reader.ended;
    clearInterval(counter);
    expect(turns).toBeGreaterThan(10);
    expect(lines).toEqual(Array.from({ length: 100 }, (_, index) => String(index)));
  });

  it('end with the first that is refused, or that is longer than allowed', async () => {
    const refused = read({
      onLine: (line) => {
        if (line === 'bad') throw new Error('no');
      },
    });
    refused.stream.end('good\nbad\ngood\n');
    await refused.reader.ended;
    expect(refused.lines).toEqual(['good']);
    expect(refused.failures).toEqual([new Error('no')]);
    const long = read({ maxLineBytes: 10 });
    for (let count = 0; count < 5; count += 1) long.stream.write('xxxxx');
    long.stream.end('\nafter\n');
    await long.reader.ended;
    expect(long.lines).toEqual([]);
    expect(long.failures).toEqual([new Error('it sent a line of more than 10 bytes')]);
  });
});
