import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { toOneLine, visible } from '../../errors/index.js';
import type { Output } from './output.js';

type Row = readonly string[];

const GAP = 2;
/** A column of a table that is too wide for its terminal is not made narrower than its heading or this. */
const MIN_WIDTH = 8;
/** A longer cell is cut on a terminal; a pipe gets all of it. */
const MAX_CELL = 2000;

/**
 * On a terminal, aligned columns under bold headings, with cells over several lines where the terminal is narrow, or one block
 * of fields for each row where it is too narrow for all columns. In a pipe, one line per row with tabs between the columns. Null
 * is shown as `-`. `paint` adds colours to short cells of a terminal.
 */
export function printTable(
  output: Output,
  head: Row,
  rows: readonly (readonly (string | null)[])[],
  paint: (cell: string, column: number) => string = (cell) => cell,
): void {
  const shown = rows.map((row) => row.map((cell) => visible(cell ?? '-')));
  if (!output.isTerminal) return print(output, [head, ...shown], '\t');
  const table = [head.map(pc.bold), ...shown.map((row) => row.map((cell, column) => paint(shorten(cell), column)))];
  const least = head.map((name) => Math.max(MIN_WIDTH, displayWidth(name)));
  const widths = fitWidths(table, least, output.columns);
  if (widths !== undefined) return printAligned(output, table, widths);
  for (const row of shown) {
    printFields(
      output,
      head.map((name, column) => [name, row[column] ?? '']),
    );
    output.print('');
  }
}

/** Names and values: aligned on a terminal, `name: value` in a pipe. A value of several lines is shown on one. */
export function printFields(output: Output, fields: readonly (readonly [name: string, value: string])[]): void {
  const label = output.isTerminal ? pc.dim : (name: string): string => `${name}:`;
  const shown = fields.map(([name, value]) => [label(name), visible(toOneLine(value))]);
  if (!output.isTerminal) return print(output, shown, ' ');
  const table = shown.map((row) => row.map(shorten));
  const least = [Number.POSITIVE_INFINITY, MIN_WIDTH];
  printAligned(output, table, fitWidths(table, least, output.columns) ?? naturalWidths(table));
}

function shorten(cell: string): string {
  return cell.length > MAX_CELL ? `${cell.slice(0, MAX_CELL)}…` : cell;
}

function print(output: Output, rows: readonly Row[], separator: string): void {
  for (const row of rows) output.print(row.join(separator));
}

function printAligned(output: Output, rows: readonly Row[], widths: readonly number[]): void {
  const pad = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - displayWidth(text)));
  for (const row of rows) {
    const cells = row.map((cell, column) => wrap(cell, widths[column] ?? 0));
    const height = Math.max(...cells.map((lines) => lines.length));
    for (let line = 0; line < height; line += 1) {
      const parts = cells.map((lines, column) => pad(lines[line] ?? '', widths[column] ?? 0));
      output.print(parts.join(' '.repeat(GAP)).trimEnd());
    }
  }
}

function naturalWidths(rows: readonly Row[]): number[] {
  const [head = []] = rows;
  return head.map((_, column) => rows.reduce((width, row) => Math.max(width, displayWidth(row[column] ?? '')), 0));
}

/**
 * The widths of columns that fit on the terminal, the widest ones made narrower, if possible without breaking times and ids;
 * undefined when they cannot fit.
 */
function fitWidths(rows: readonly Row[], least: readonly number[], columns: number): readonly number[] | undefined {
  const widths = naturalWidths(rows);
  const available = columns - GAP * (widths.length - 1);
  if (sum(widths.map((width, column) => Math.min(width, least[column] ?? 0))) > available) return undefined;
  if (sum(widths) <= available) return widths;
  const whole = least.map((width, column) => Math.max(width, longestWord(rows.map((row) => row[column] ?? ''))));
  const bounds = sum(whole) <= available ? whole : least;
  while (sum(widths) > available) {
    const spare = widths.map((width, column) => (width > (bounds[column] ?? 0) ? width : 0));
    const widest = spare.indexOf(Math.max(...spare));
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

/** Where a cell can be broken over lines. */
const AFTER_PUNCTUATION = /(?<=[ ,./])/;
/** As long as an id; longer words are broken. */
const LONGEST_WORD = 36;

function longestWord(cells: readonly string[]): number {
  const words = cells.flatMap((cell) => cell.split(AFTER_PUNCTUATION)).map((word) => displayWidth(word.trimEnd()));
  return words.reduce((longest, width) => (width > LONGEST_WORD ? longest : Math.max(longest, width)), 0);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The lines of a text that are at most that wide, broken after blanks and punctuation where possible. */
function wrap(text: string, width: number): readonly string[] {
  if (displayWidth(text) <= width) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(AFTER_PUNCTUATION)) {
    if (displayWidth((line + word).trimEnd()) > width && line !== '') {
      lines.push(line.trimEnd());
      line = '';
    }
    line += word;
    while (displayWidth(line.trimEnd()) > width) {
      const [start, rest] = cutAt(line, width);
      lines.push(start);
      line = rest;
    }
  }
  return line.trimEnd() === '' ? lines : [...lines, line.trimEnd()];
}

function cutAt(text: string, width: number): readonly [start: string, rest: string] {
  let start = '';
  for (const character of text) {
    if (start !== '' && displayWidth(start + character) > width) break;
    start += character;
  }
  return [start, text.slice(start.length)];
}

const NO_COLUMN = /[\p{Mn}\p{Me}\p{Cf}]/gu;
const TWO_COLUMNS =
  /[\p{Emoji_Presentation}\p{scx=Han}\p{scx=Hangul}\p{scx=Hiragana}\p{scx=Katakana}\uff01-\uff60\uffe0-\uffe6]/gu;

/** How many columns a terminal uses for a text: none for colours and combining marks, two for East Asian letters and emoji. */
function displayWidth(text: string): number {
  const plain = stripVTControlCharacters(text).replace(NO_COLUMN, '');
  return [...plain.replace(TWO_COLUMNS, '  ')].length;
}
