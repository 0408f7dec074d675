import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { createOutput, type Output } from '../../../src/cli/terminal/output.js';
import { visible } from '../../../src/errors/index.js';
import { printFields, printTable } from '../../../src/cli/terminal/tables.js';

function printed(print: (output: Output) => void, columns = 80): readonly string[] {
  const lines: string[] = [];
  print({ ...createOutput(), isTerminal: true, columns, print: (line) => void lines.push(line) });
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

it('a table that is too wide has cells over several lines', () => {
  const rows = [['file://secrets/token', 'changed', 'projects.sales.profiles.dev.secrets[0], transport.http.port']];
  expect(printed((output) => printTable(output, ['REFERENCE', 'OUTCOME', 'USED BY'], rows), 50)).toEqual([
    'REFERENCE            OUTCOME  USED BY',
    'file://secrets/      changed  projects.sales.',
    'token                         profiles.dev.',
    '                              secrets[0],',
    '                              transport.http.port',
  ]);
});

it('a table that is too wide keeps times and ids in one piece', () => {
  const head = ['REFERENCE', 'CHANGED AT', 'FINGERPRINT', 'USED BY'];
  const used = 'projects.sales.profiles.dev.secrets[0].parameters.BEARER_TOKEN';
  const rows = [['file:///run/secrets/token', '2024-01-15T10:30:00Z', '6f1c0a9be2d34a77', used]];
  expect(printed((output) => printTable(output, head, rows), 66)).toEqual([
    'REFERENCE     CHANGED AT            FINGERPRINT       USED BY',
    'file:///run/  2024-01-15T10:30:00Z  6f1c0a9be2d34a77  projects.',
    'secrets/                                              sales.',
    'token                                                 profiles.',
    '                                                      dev.',
    '                                                      secrets[0].',
    '                                                      parameters.',
    '                                                      BEARER_TOKEN',
  ]);
});

it('a table with too many columns is a block for each row', () => {
  const head = Array.from({ length: 12 }, (_, index) => `column${index}`);
  const lines = printed((output) => printTable(output, head, [head.map((_, index) => String(index)), head]));
  expect(lines.slice(0, 3)).toEqual(['column0   0', 'column1   1', 'column2   2']);
  expect(lines).toHaveLength(26);
  expect(lines[12]).toBe('');
});

it('no table is wider than its terminal, and none loses a letter', () => {
  const cell = fc.string({ maxLength: 60 });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 40, max: 100 }),
      (rows, columns) => {
        const lines = printed((output) => printTable(output, ['A', 'B', 'C'], rows), columns);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
        const letters = (text: string): string => [...text.replaceAll(/\s/g, '')].sort().join('');
        const printedLetters = letters(lines.slice(1).join(''));
        expect(printedLetters).toBe(
          letters(
            rows
              .flat()
              .map((text) => visible(text))
              .join(''),
          ),
        );
      },
    ),
  );
});

it('fields align their values, a value of several lines on one', () => {
  expect(printed((output) => printFields(output, [['error', 'it failed:\n  because of this']]), 24)).toEqual([
    'error  it failed:',
    '       because of this',
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
