import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { visible } from '../../errors/index.js';
import type { Output } from './output.js';

type Row = readonly string[];

/**
 * On a terminal, aligned columns under bold headings; in a pipe, one line per row with tabs between the columns. Null is
 * shown as `-`.
 */
export function printTable(output: Output, head: Row, rows: readonly (readonly (string | null)[])[]): void {
  const shown = rows.map((row) => row.map((cell) => visible(cell ?? '-')));
  if (output.isTerminal) printAligned(output, [head.map(pc.bold), ...shown]);
  else for (const row of [head, ...shown]) output.print(row.join('\t'));
}

/** Names and values: aligned on a terminal, `name: value` in a pipe. */
export function printFields(output: Output, fields: readonly (readonly [name: string, value: string])[]): void {
  const label = output.isTerminal ? pc.dim : (name: string): string => `${name}:`;
  const shown = fields.map(([name, value]) => [label(name), visible(value)]);
  if (output.isTerminal) printAligned(output, shown);
  else for (const row of shown) output.print(row.join(' '));
}

function printAligned(output: Output, rows: readonly Row[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))));
  const pad = (cell: string, column: number): string => cell + ' '.repeat((widths?.[column] ?? 0) - displayWidth(cell));
  for (const row of rows) output.print(row.map(pad).join('  ').trimEnd());
}

const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}]/gu;
const TWO_COLUMNS =
  /[\p{Emoji_Presentation}\p{scx=Han}\p{scx=Hangul}\p{scx=Hiragana}\p{scx=Katakana}\uff01-\uff60\uffe0-\uffe6]/gu;

/** How many columns a terminal uses for a text: none for colours and combining marks, two for East Asian letters and emoji. */
function displayWidth(text: string): number {
  const plain = stripVTControlCharacters(text).replace(NO_COLUMN, '');
  return [...plain.replace(TWO_COLUMNS, '  ')].length;
}
