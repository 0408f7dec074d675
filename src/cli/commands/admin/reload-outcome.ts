import pc from 'picocolors';
import type { ReloadRecord } from '../../../contract/index.js';
import { formatProblem, plural, visibleLines } from '../../../errors/index.js';
import type { Output } from '../../terminal/output.js';
import { printTable } from '../../terminal/tables.js';
import { formatMs, formatValue } from './admin-command.js';

/** Prints what a reload changed and what only a restart applies, then its result, and what it left unread. */
export function printOutcome(output: Output, record: ReloadRecord): void {
  const references = record.references.map(({ ref, outcome, version, used_by: usedBy, error }) => {
    return [ref, outcome, version, usedBy.join(', '), error ?? ''];
  });
  if (references.length > 0) printTable(output, ['REFERENCE', 'OUTCOME', 'VERSION', 'USED BY', 'ERROR'], references);
  const fixed = record.references.filter(({ note }) => note !== undefined);
  if (fixed.length > 0) output.print(`${fixed.map(({ ref }) => ref).join(', ')}: ${fixed[0]?.note}`);
  const changes = record.restart_required.map(({ setting, running, on_disk: onDisk }) => {
    return [setting, formatValue(running), formatValue(onDisk)];
  });
  if (changes.length > 0) {
    output.print('These changes need a restart:');
    printTable(output, ['SETTING', 'RUNNING', 'ON DISK'], changes);
  }
  if (record.database?.action === 'handover' && record.error === null)
    output.print(formatHandover(record.dry_run, record.database));
  output.print(formatResult(record, output.isTerminal));
  // Last, because a result above it would read as if everything had been reloaded.
  if (record.definitions_changed.length > 0 && !record.definitions) {
    const paths = visibleLines(record.definitions_changed.join(', '));
    const warning = `But changed endpoint files were not read: ${paths}. \`--definitions\` reads them too`;
    output.print(output.isTerminal ? pc.yellow(warning) : warning);
  }
}

/** One line for each stage. */
export function printStages(output: Output, { stages }: ReloadRecord): void {
  for (const { name, status, duration_ms: durationMs } of stages) {
    const duration = durationMs === null ? '' : formatMs(durationMs);
    output.print(`${name.padEnd(8)} ${status.padEnd(8)} ${duration}`.trimEnd());
  }
}

function formatHandover(isDryRun: boolean, database: NonNullable<ReloadRecord['database']>): string {
  if (isDryRun)
    return 'The database would be handed over: new calls would wait while one file is closed and the other opened';
  const paused = plural(database.requests_held, 'call');
  return `The database was handed over in ${formatMs(database.pause_ms)}; ${paused} waited meanwhile`;
}

function formatResult(record: ReloadRecord, isColoured: boolean): string {
  const { status, error, generation } = record;
  if (error !== null) return formatFailure(error, isColoured);
  if (status !== 'success') return `reload ${record.id} is ${status}`;
  const took = formatMs(record.duration_ms);
  const result = record.dry_run
    ? `dry run succeeded in ${took}: a reload would succeed`
    : `reloaded in ${took}: generation ${generation.from} -> ${generation.to ?? generation.from}`;
  return isColoured ? pc.green(result) : result;
}

function formatFailure(error: NonNullable<ReloadRecord['error']>, isColoured: boolean): string {
  const { stage, message, code, file, line, column } = error;
  if (code === 'reload_cancelled') return 'the reload was cancelled; the previous configuration is still active';
  const head = `reload failed at ${stage} (${code}); the previous configuration is still active`;
  const position = { line: line ?? undefined, column: column ?? undefined };
  // A message that lists problems names the file of each; any other gets its position in front.
  const text = file === null || message.includes(file) ? message : formatProblem({ file, ...position, message });
  // Escaped before colours are added, which are control characters themselves.
  return `${isColoured ? pc.red(head) : head}\n${visibleLines(text)}`;
}
