import Table from 'cli-table3';
import pc from 'picocolors';
import { visible } from '../logging/terminal-text/index.js';
import type { Output } from './output.js';

const SIDES = ['top', 'bottom', 'left', 'right'] as const;
const CORNERS = ['top-mid', 'top-left', 'top-right', 'bottom-mid', 'bottom-left', 'bottom-right'] as const;
const RULES = ['mid', 'mid-mid', 'left-mid', 'right-mid'] as const;

/** Columns are told apart by space alone. */
const CHARACTERS = {
  ...Object.fromEntries([...SIDES, ...CORNERS, ...RULES].map((place) => [place, ''])),
  middle: '  ',
};

export type Row = readonly string[];

/** Aligned columns under a head on a terminal; in a pipe one line a row, columns separated by tabs. */
export function printTable(output: Output, head: Row, rows: readonly Row[]): void {
  if (output.isTerminal) output.print(alignRows([head.map(pc.bold), ...rows.map(toVisible)]));
  else for (const row of [head, ...rows]) output.print(toVisible(row).join('\t'));
}

/** Names and values: aligned on a terminal, `name: value` in a pipe. */
export function printFields(
  output: Output,
  fields: readonly (readonly [name: string, value: string])[],
): void {
  if (output.isTerminal)
    output.print(alignRows(fields.map(([name, value]) => [pc.dim(name), visible(value)])));
  else for (const [name, value] of fields) output.print(`${name}: ${visible(value)}`);
}

function alignRows(rows: readonly Row[]): string {
  const table = new Table({
    chars: CHARACTERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

function toVisible(row: Row): Row {
  return row.map((cell) => visible(cell));
}
