import pc from 'picocolors';

/** On a terminal, aligned columns; in a pipe, the same as plain lines. */
export function printSuite({ suite, about, figures }, output) {
  output.write(`\n${suite}: ${about}\n`);
  const rows = figures.map(toRow);
  output.write(output.isTTY ? `${toTable(rows)}\n` : rows.map((row) => `${toLine(row)}\n`).join(''));
}

/** Reports how many aims were met, and names the missed ones. */
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
  const head = { what: '', median: 'median', spread: 'quartiles', aim: 'aim', verdict: '' };
  const all = [head, ...rows];
  const width = (column) => Math.max(...all.map((row) => row[column].length));
  const lines = all.map(({ what, median, spread, aim, verdict }) => {
    const coloured = verdict === 'MISSED' ? pc.red(verdict) : pc.green(verdict);
    const figures = [what.padEnd(width('what')), median.padStart(width('median'))];
    return [...figures, spread.padEnd(width('spread')), aim.padEnd(width('aim')), coloured].join('  ');
  });
  return lines.join('\n');
}

function toLine({ what, median, spread, aim, verdict }) {
  const parts = [`${what}: ${median}`, spread === '' ? '' : `(${spread})`, aim, verdict];
  return `  ${parts.filter((part) => part !== '').join('  ')}`;
}

function inUnit(value, { unit }) {
  return unit === '×' ? `${formatNumber(value)}×` : `${formatNumber(value)} ${unit}`.trimEnd();
}

/** Three significant digits: such measurements are not more precise. */
function formatNumber(value) {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(digits);
}
