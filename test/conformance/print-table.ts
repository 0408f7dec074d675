import type { Findings } from './official-suite.js';

interface Column {
  readonly name: string;
  readonly findings: Findings;
}

/** Prints which scenario passed where: `ok`, `FAILS`, or nothing where it does not apply. */
export function printTable(columns: readonly Column[]): void {
  const scenarios = [...new Set(columns.flatMap(({ findings }) => Object.keys(findings)))];
  const width = Math.max(0, ...scenarios.map((name) => name.length));
  const lines = scenarios.map((name) =>
    [name.padEnd(width), ...columns.map((column) => cell(column, name))].join('  '),
  );
  const head = columns.map(({ name }, index) => `${index + 1}: ${name}, ${countPassed(columns[index])}`);
  const numbers = columns.map((_, index) => String(index + 1).padEnd(CELL)).join('  ');
  process.stdout.write(['', ...head, '', `${' '.repeat(width)}  ${numbers}`, ...lines, ''].join('\n'));
}

const CELL = 5;

function cell({ findings }: Column, scenario: string): string {
  const found = findings[scenario];
  if (found === undefined) return ' '.repeat(CELL);
  return (found.length === 0 ? 'ok' : 'FAILS').padEnd(CELL);
}

function countPassed(column: Column | undefined): string {
  const all = Object.values(column?.findings ?? {});
  return `${all.filter((found) => found.length === 0).length} of ${all.length}`;
}
