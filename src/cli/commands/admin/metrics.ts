import type { AdminClient, Metrics } from '../../../admin/client/index.js';
import { MxcpError } from '../../../errors/index.js';
import type { Output } from '../../terminal/output.js';
import { printTable } from '../../terminal/tables.js';
import { adminCommand, formatMs } from './admin-command.js';
import { formatBytes } from './system.js';

type Family = Metrics['metrics'][number];
type Sample = Family['samples'][number];

/** `mxcp admin metrics`: a table for a person, the text of a scrape for a program. */
export const metrics = adminCommand({
  ask: async (client, { args: [prefix = ''], options, output }): Promise<Metrics | string> =>
    output.isTerminal || options['json'] === true
      ? { metrics: selectFamilies((await client.metrics()).metrics, prefix) }
      : selectText(client, prefix),
  print: (answer, output) => {
    if (typeof answer === 'string') output.write(answer);
    else printFamilies(answer.metrics, output);
  },
});

function selectFamilies(families: readonly Family[], prefix: string): Family[] {
  return nonEmpty(
    families.filter(({ name }) => name.startsWith(prefix)),
    prefix,
  );
}

/** In the text, an empty line separates the metrics, and each begins with its help. */
async function selectText(client: AdminClient, prefix: string): Promise<string> {
  const text = (await client.metricsText()).trimEnd();
  const blocks = text.split('\n\n').filter((block) => block.startsWith(`# HELP ${prefix}`));
  return `${nonEmpty(blocks, prefix).join('\n\n')}\n`;
}

/** Throws `usage` for a name that no metric begins with. */
function nonEmpty<T>(found: T[], prefix: string): T[] {
  if (found.length > 0) return found;
  throw new MxcpError('usage', `no metric begins with "${prefix}"; \`mxcp admin metrics\` lists all of them`);
}

export function printFamilies(families: readonly Family[], output: Output): void {
  const rows = families.flatMap((family) =>
    family.type === 'histogram' ? toHistogramRows(family) : family.samples.map((sample) => toRow(family, sample)),
  );
  printTable(output, ['METRIC', 'LABELS', 'VALUE'], rows);
}

type Row = readonly [name: string, labels: string, value: string];

function toRow({ name }: Family, { labels, value }: Sample): Row {
  return [name, toText(labels), formatValue(name, value)];
}

/** One row for each histogram with values, instead of one for each bucket. */
function toHistogramRows({ name, samples }: Family): readonly Row[] {
  const counts = samples.filter((sample) => sample.name === `${name}_count` && sample.value > 0);
  return counts.map(({ labels, value: count }) => {
    const text = toText(labels);
    const ofSeries = samples.filter((sample) => toText(sample.labels) === text);
    const sum = ofSeries.find((sample) => sample.name === `${name}_sum`)?.value ?? 0;
    const within = ofSeries.find((sample) => sample.name === `${name}_bucket` && sample.value >= count * 0.95);
    const bound = Number(within?.labels['le']);
    const tail = Number.isFinite(bound) ? `, 95 % within ${formatValue(name, bound)}` : '';
    return [name, text, `${count}, ${formatValue(name, sum / count)} on average${tail}`];
  });
}

function toText(labels: Sample['labels']): string {
  const shown = Object.entries(labels).filter(([label]) => label !== 'le');
  return shown.map(([label, value]) => `${label}=${value}`).join(' ');
}

/** By the unit at the end of the name. */
function formatValue(name: string, value: number): string {
  if (name.endsWith('_timestamp_seconds') || name === 'process_start_time_seconds')
    return new Date(value * 1000).toISOString();
  if (name.endsWith('_seconds'))
    return value < 0.01 ? `${Number((value * 1000).toFixed(2))} ms` : formatMs(value * 1000);
  return name.endsWith('_bytes') ? formatBytes(value) : String(value);
}
