import pc from 'picocolors';
import { AdminApiError, AdminClient, type ProbeOk, type ReloadRecord } from '../../admin/client/index.js';
import { formatProblem, type MxcpError } from '../../errors/index.js';
import { visibleLines } from '../../logging/terminal-text.js';
import { loadAdminSettings } from '../../settings/index.js';
import type { CommandContext, CommandModule, Options } from './command.js';
import { type Output, printTable } from './output.js';

/** `12 ms`, `3.4 s`. */
export function formatMs(durationMs: number | null): string {
  if (durationMs === null) return '-';
  return durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}

/** A value of unknown shape, on one line. */
export function formatValue(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'not set');
}

export function printChecks(output: Output, checks: ProbeOk['checks']): void {
  printTable(
    output,
    ['CHECK', 'STATUS', 'MESSAGE'],
    checks.map(({ name, status, message }) => [name, status, message]),
  );
}

/** For a table: a message of several lines, such as one that lists problems, on one line. */
export function formatCause(message: string): string {
  return message.replaceAll(/\s*\n\s*(?:- )?/g, ' ');
}

type Stage = ReloadRecord['stages'][number];

export function formatStage({ name, status, duration_ms: durationMs }: Stage): string {
  const duration = durationMs === null ? '' : formatMs(durationMs);
  return `${name.padEnd(8)} ${status.padEnd(8)} ${duration}`.trimEnd();
}

/** Everything about a reload that is worth reading besides its stages, and last of all how it ended. */
export function printOutcome(output: Output, record: ReloadRecord): void {
  if (record.references.length > 0) {
    printTable(
      output,
      ['REFERENCE', 'OUTCOME', 'VERSION', 'USED BY', 'ERROR'],
      record.references.map(({ ref, outcome, version, used_by: usedBy, error }) => [
        ref,
        outcome,
        version ?? '-',
        usedBy.join(', '),
        error ?? '',
      ]),
    );
  }
  if (record.restart_required.length > 0) {
    output.print('Only a restart applies:');
    printTable(
      output,
      ['SETTING', 'RUNNING', 'ON DISK'],
      record.restart_required.map(({ setting, running, on_disk: onDisk }) => [
        setting,
        formatValue(running),
        formatValue(onDisk),
      ]),
    );
  }
  if (record.definitions_changed.length > 0 && !record.definitions) {
    const paths = record.definitions_changed.join(', ');
    output.print(`Changed on disk and not read (--definitions reads them): ${visibleLines(paths)}`);
  }
  const { database } = record;
  if (database?.action === 'handover' && record.error === null)
    output.print(formatHandover(record, database));
  output.print(formatResult(record, output.isTerminal));
}

type DatabaseOutcome = NonNullable<ReloadRecord['database']>;

function formatHandover({ dry_run: isDryRun }: ReloadRecord, database: DatabaseOutcome): string {
  const { requests_held: held, pause_ms: pauseMs } = database;
  if (isDryRun)
    return 'The database would be handed over: calls wait for a moment while it is closed and opened';
  const calls = held === 1 ? '1 call was' : `${held} calls were`;
  return `The database was handed over in ${formatMs(pauseMs)}; ${calls} held meanwhile`;
}

function formatResult(record: ReloadRecord, colour: boolean): string {
  const { status, error, generation } = record;
  if (error !== null) return formatFailure(error, colour);
  if (status !== 'success') return `reload ${record.id} is ${status}`;
  const took = formatMs(record.duration_ms);
  const done = record.dry_run
    ? `dry run fine in ${took}: a reload would succeed`
    : `reloaded in ${took}: generation ${generation.from} -> ${generation.to ?? generation.from}`;
  return colour ? pc.green(done) : done;
}

function formatFailure(error: NonNullable<ReloadRecord['error']>, colour: boolean): string {
  const { stage, message, code, file, line, column } = error;
  const head = `reload failed at ${stage} (${code}); what served before still serves`;
  const position = { line: line ?? undefined, column: column ?? undefined };
  // A message that lists problems names the file in each; otherwise the position goes before it.
  const text =
    file === null || message.includes(file) ? message : formatProblem({ file, ...position, message });
  // Made visible before colours are added, which are escapes themselves.
  return `${colour ? pc.red(head) : head}\n${visibleLines(text)}`;
}

/** The server that `--socket`, MXCP_ADMIN_SOCKET or the default names. No project has to be there. Throws `usage`. */
export function connectAdmin(options: Options, { env, cwd }: CommandContext): AdminClient {
  const socket = options['socket'];
  const flags = typeof socket === 'string' ? { adminSocket: socket } : {};
  const { socketPath } = loadAdminSettings({ flags, env, cwd });
  return new AdminClient({ socketPath, trigger: 'cli' });
}

/** As the server words its errors, also where it could not be asked. */
export const toErrorJson: NonNullable<CommandModule['toErrorJson']> = (error) =>
  error instanceof AdminApiError ? error.body : { error: error.code, message: error.message };

/** A server that answers with an error is not well, whatever the error; only what ran out of time stays that. */
export const toExitCode: NonNullable<CommandModule['toExitCode']> = (error: MxcpError) =>
  error instanceof AdminApiError && error.code !== 'wait_timeout' ? 1 : error.exitCode;
