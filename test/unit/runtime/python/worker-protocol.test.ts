import { describe, expect, it } from 'vitest';
import { parseWorkerLine } from '../../../../src/runtime/python/worker-protocol.js';

const parse = (text: string) => parseWorkerLine(Buffer.from(text));

describe('a line of a worker', () => {
  it('is an item of a result with its text, or a message', () => {
    expect(parse('12 {"a":[1]}')).toEqual({ op: 'item', job: 12, value: { a: [1] }, text: '{"a":[1]}' });
    expect(parse('{"op":"shape","job":1,"shape":"list"}')).toEqual({ op: 'shape', job: 1, shape: 'list' });
    expect(parse('{"op":"done","job":1}')).toEqual({ op: 'done', job: 1 });
  });

  it.each([
    ['garbage'],
    [''],
    [' 1'],
    ['1'],
    ['x 1'],
    ['-1.5 1'],
    ['1 {'],
    ['{"op":"unknown"}'],
    ['{"op":"done"}'],
    ['{"op":"done","job":"1"}'],
    ['{}'],
    ['null'],
  ])('is refused where it is neither: %j', (line) => {
    expect(() => parse(line)).toThrow();
  });
});
