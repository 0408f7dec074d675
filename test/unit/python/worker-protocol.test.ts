import { describe, expect, it } from 'vitest';
import { createLineParser } from '../../../src/python/worker-protocol.js';

const parseLine = createLineParser(([head, leftOut, tail]) => `${head}|${leftOut}|${tail}`);
const parse = (text: string) => parseLine(Buffer.from(text));

describe('a line of a worker', () => {
  it('is an item of a result with its text, or a message', () => {
    expect(parse('12 {"a":[1]}')).toEqual({ op: 'item', job: 12, value: { a: [1] }, text: '{"a":[1]}' });
    expect(parse('{"op":"shape","job":1,"shape":"list"}')).toEqual({ op: 'shape', job: 1, shape: 'list' });
    expect(parse('{"op":"done","job":1}')).toEqual({ op: 'done', job: 1 });
  });

  it('has texts that are cut, which are joined', () => {
    const problem = { file: 'a.py', line: 1, message: ['begin', 7, 'end'] };
    expect(parse(JSON.stringify({ op: 'problems', job: 1, problems: [problem] }))).toMatchObject({
      problems: [{ message: 'begin|7|end' }],
    });
  });

  it.each([['garbage'], [''], [' 1'], ['1'], ['x 1'], ['-1.5 1'], ['1 {'], ['null'], ['{"op":']])(
    'is blamed on the code of the project where only that can have written it: %j',
    (line) => {
      expect(() => parse(line)).toThrow(/^code of the project wrote to the pipe of the server$/);
    },
  );

  it.each([['{"op":"unknown"}'], ['{"op":"done"}'], ['{"op":"done","job":"1"}'], ['{}']])(
    'is refused without blame where it is no message: %j',
    (line) => {
      expect(() => parse(line)).toThrow(/^it sent a message that the server does not know: .*(op|job)/);
    },
  );
});
