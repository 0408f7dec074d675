import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { createOutput, type Output } from '../../../src/cli/terminal/output.js';
import { printFields, printTable } from '../../../src/cli/terminal/tables.js';

function printed(print: (output: Output) => void): readonly string[] {
  const lines: string[] = [];
  print({ ...createOutput(), isTerminal: true, print: (line) => void lines.push(line) });
  return lines.map((line) => stripVTControlCharacters(line));
}

it('a table aligns letters of any width', () => {
  const rows = [
    ['東京', 'wide'],
    ['e\u0301te\u0301', 'combining'],
    ['🦆 ok', 'emoji'],
    ['Ada', ''],
  ];
  expect(printed((output) => printTable(output, ['NAME', 'LETTERS'], rows))).toEqual([
    'NAME   LETTERS',
    '東京   wide',
    'e\u0301te\u0301    combining',
    '🦆 ok  emoji',
    'Ada',
  ]);
});

it('fields align their values', () => {
  expect(
    printed((output) =>
      printFields(output, [
        ['id', '1'],
        ['status', 'ok'],
      ]),
    ),
  ).toEqual(['id      1', 'status  ok']);
});
