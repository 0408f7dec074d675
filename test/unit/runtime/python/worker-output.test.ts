import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { WorkerOutput } from '../../../../src/runtime/python/worker-output.js';

async function print(...chunks: readonly (string | Buffer)[]): Promise<readonly string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  const output = new WorkerOutput(stream, (line) => lines.push(line));
  for (const chunk of chunks) stream.write(chunk);
  await turn();
  output.dispose();
  return lines;
}

describe('printed lines', () => {
  it('are put together from pieces, characters included', async () => {
    const euro = Buffer.from('€');
    expect(await print('a', 'b\nc', '\r\n', euro.subarray(0, 1), euro.subarray(1), '\n\nend')).toEqual([
      'ab',
      'c',
      '€',
      'end',
    ]);
  });

  it('are cut where they are too long, and tell by how much', async () => {
    const [line = '', after] = await print('x'.repeat(5000), 'x'.repeat(5000), '\nafter\n');
    expect(line).toBe(`${'x'.repeat(8192)} … (1808 more bytes)`);
    expect(after).toBe('after');
  });

  it('are counted and not kept where there are too many', async () => {
    const lines = await print('line\n'.repeat(5000));
    expect(lines.length).toBeLessThan(1200);
    const report = lines.at(-1) ?? '';
    const dropped = Number(/^\((\d+) lines dropped: more than 100 a second\)$/.exec(report)?.[1]);
    expect(dropped + lines.length - 1).toBe(5000);
  });
});
