import { PassThrough } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OutputReader } from '../../../src/python/worker-output.js';

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

  it('of Python lose their tags, and say which job wrote them', async () => {
    const stream = new PassThrough();
    const lines: [string, number | undefined][] = [];
    const output = new OutputReader(stream, (line, job) => lines.push([line, job]), scrubHead);
    stream.write('\u{1e}7\u{1f}of a job\n\u{1e}0\u{1f}of none\nof a program\n\u{1e}7\u{1f}\n\u{1e}{"a":1}\n');
    stream.write(
      '\u{1e}7(1\u{1f}begun \n\u{1e}8(2\u{1f}of another\n\u{1e}7-1\u{1f}\u{1e}8\u{1f}\n\u{1e}7)1\u{1f} ended\n',
    );
    stream.write('\u{1e}9)3\u{1f}lost beginning\n\u{1e}x\u{1f}no tag\n\u{1e}');
    await turn();
    output.dispose();
    expect(lines).toEqual([
      ['of a job', 7],
      ['of none', undefined],
      ['of a program', undefined],
      ['\u{1e}{"a":1}', undefined],
      ['begun \u{1e}8\u{1f} ended', 7],
      ['\u{1e}x\u{1f}no tag', undefined],
      ['\u{1e}', undefined],
      ['of another', 8],
    ]);
  });

  it('that wait for their rest are limited in number and in length', async () => {
    const stream = new PassThrough();
    const lines: string[] = [];
    const output = new OutputReader(stream, (line) => lines.push(line), scrubHead);
    for (let number = 1; number <= 1010; number += 1) stream.write(`\u{1e}1(${number}\u{1f}line ${number}\n`);
    await turn();
    expect(lines).toEqual(Array.from({ length: 10 }, (_, index) => `line ${index + 1}`));
    for (let part = 0; part < 100; part += 1) stream.write(`\u{1e}1-500\u{1f}${'x'.repeat(1000)}\n`);
    stream.write('\u{1e}1)500\u{1f}\n');
    await turn();
    expect(lines.at(-1)).toBe(`line 500${'x'.repeat(8184)} … (91816 more bytes)`);
    output.dispose();
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
