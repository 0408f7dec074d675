import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OutputReader } from '../../../src/python/worker-pipes.js';

const scrubHead = (text: string): string => text;

async function print(...chunks: readonly (string | Buffer)[]): Promise<readonly string[]> {
  const stream = new PassThrough();
  const lines: string[] = [];
  const output = new OutputReader(stream, (line) => lines.push(line), scrubHead);
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

  describe('of a flood that ends', () => {
    afterEach(() => vi.useRealTimers());

    it('begin again with a whole line', async () => {
      vi.useFakeTimers({ toFake: ['performance'] });
      const stream = new PassThrough();
      const lines: string[] = [];
      const output = new OutputReader(stream, (line) => lines.push(line), scrubHead);
      const write = async (text: string): Promise<void> => {
        stream.write(text);
        await turn();
      };
      await write('line\n'.repeat(1000) + 'one that ');
      vi.advanceTimersByTime(1000);
      await write('is kept\n' + 'line\n'.repeat(200) + 'one that is ');
      await write('dropped in the middle, ');
      vi.advanceTimersByTime(1000);
      await write('and its end too\nwhole\n');
      output.dispose();
      expect(lines.filter((line) => line !== 'line')).toEqual([
        'whole',
        expect.stringMatching(/^\(10[0-9] lines dropped/),
      ]);
    });
  });

  it('are cut between characters, and where no secret begins', async () => {
    const long = `${'x'.repeat(8181)}${'€'.repeat(10)}\n`;
    expect((await print(long))[0]).toBe(`${'x'.repeat(8181)}€€€ … (19 more bytes)`);
    const stream = new PassThrough();
    const lines: string[] = [];
    const withoutEuros = (text: string): string => text.replace('€€€', '');
    const output = new OutputReader(stream, (line) => lines.push(line), withoutEuros);
    stream.write(`€€€\n${long}no end €€€`);
    await turn();
    output.dispose();
    expect(lines).toEqual(['€€€', `${'x'.repeat(8181)} … (19 more bytes)`, 'no end ']);
  });
});
