import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withCodeFrames } from '../../../src/cli/terminal/code-frame.js';

let root: string;
const frame = (message: string): string => stripVTControlCharacters(withCodeFrames(message, root));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'mxcp-frame-'));
  writeFileSync(join(root, 'tool.yml'), 'mxcp: 1\ntool:\n  nam: x\n');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('the code line of an error', () => {
  it('is below the line that names its place, with a caret at the column', () => {
    expect(frame('1 error\n  tool.yml:3:3: unknown key\nend')).toBe(
      [
        '1 error',
        '  tool.yml:3:3: unknown key',
        '       2 | tool:',
        '  >    3 |   nam: x',
        '             ^',
        'end',
      ].join('\n'),
    );
  });

  it('has no caret without a column, and nothing before the first line', () => {
    expect(frame(`${root}/tool.yml:1: no`)).toBe(`${root}/tool.yml:1: no\n  >    1 | mxcp: 1`);
  });

  it('is shown once for each place', () => {
    const message = 'tool.yml:2: a\ntool.yml:2: b';
    expect(frame(message).split('\n')).toEqual([
      'tool.yml:2: a',
      '       1 | mxcp: 1',
      '  >    2 | tool:',
      'tool.yml:2: b',
    ]);
  });

  it.each(['gone.yml:1: x', 'tool.yml:99: x', 'tool.yml: x', 'see https://a.example/tool.yml:1', 'no place', ''])(
    'is left out where there is none: %j',
    (message) => {
      expect(frame(message)).toBe(message);
    },
  );

  it('shows control characters instead of sending them to the terminal', () => {
    writeFileSync(join(root, 'tool.yml'), 'a: "\u001B[2J"\n');
    expect(withCodeFrames('tool.yml:1: x', root)).not.toContain('\u001B[2J');
  });
});
