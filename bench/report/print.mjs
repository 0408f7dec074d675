import Table from 'cli-table3';
import pc from 'picocolors';

/** A table where a person looks, plain lines of the same in a pipe. */
export function printSuite({ suite, about, figures }, output) {
  output.write(`\n${suite}: ${about}\n`);
  const rows = figures.map(toRow);
  output.write(output.isTTY ? `${toTable(rows)}\n` : rows.map((row) => `${toLine(row)}\n`).join(''));
}

/** Says plainly which aims were missed. */
export function printMissed(results, output) {
  const judged = results.flatMap(({ suite, figures }) =>
    figures.filter(({ met }) => met !== undefined).map((each) => ({ suite, ...each })),
  );
  const missed = judged.filter(({ met }) => !met);
  output.write(`\n${judged.length - missed.length} of ${judged.length} aims met\n`);
  for (const each of missed) {
    output.write(
      `missed: ${each.suite}: ${each.what}: ${inUnit(each.median, each)}, aim ≤ ${inUnit(each.aim, each)}\n`,
    );
  }
}

function toRow(each) {
  const spread = each.samples === 1 ? '' : `${formatNumber(each.lower)} to ${formatNumber(each.upper)}`;
  const aim = each.aim === undefined ? '' : `aim ≤ ${inUnit(each.aim, each)}`;
  const verdict = each.met === undefined ? '' : each.met ? 'met' : 'MISSED';
  return { what: each.what, median: inUnit(each.median, each), spread, aim, verdict };
}

function toTable(rows) {
  const table = new Table({ head: ['', 'median', 'quartiles', 'aim', ''], style: { head: [] } });
  for (const { what, median, spread, aim, verdict } of rows) {
    const coloured = verdict === 'MISSED' ? pc.red(verdict) : pc.green(verdict);
    table.push([what, { content: median, hAlign: 'right' }, spread, aim, coloured]);
  }
  return table.toString();
}

function toLine({ what, median, spread, aim, verdict }) {
  const parts = [`${what}: ${median}`, spread === '' ? '' : `(${spread})`, aim, verdict];
  return `  ${parts.filter((part) => part !== '').join('  ')}`;
}

function inUnit(value, { unit }) {
  return unit === '×' ? `${formatNumber(value)}×` : `${formatNumber(value)} ${unit}`.trimEnd();
}

/** Three digits say all that a measurement of this kind can. */
function formatNumber(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
