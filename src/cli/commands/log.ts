import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { AuditFollower, AuditReader, checkChain, type FoundRecord } from '../../audit/index.js';
import { loadAuditConfig } from '../../config/index.js';
import type { AuditSelection } from '../../contract/index.js';
import { MxcpError, plural, visible } from '../../errors/index.js';
import { parseDuration } from '../../lifecycle/index.js';
import type { CommandContext, CommandModule, Options } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';
import { LOG_CHOICES } from '../command/log-choices.js';
import type { Output } from '../terminal/output.js';
import { printTable } from '../terminal/tables.js';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000_000;

/** Reads the files of the audit log itself, so it needs no server and disturbs none. */
export const run: CommandModule['run'] = async (_args, options, context) => {
  const filter = readFilter(options);
  const limit = readLimit(options['limit']);
  const { log, enabled } = await loadAuditConfig(loadProjectSettings(options, context));
  if (!enabled) context.output.warn('Note: the audit log of this profile is switched off (`audit.enabled`)');
  if (options['verify'] === true) return verify(log.path, options, context);
  const exports = readExports(options, context);
  const files = exports.map(({ path }) => path);
  const reader = await AuditReader.open(log.path, { threads: availableParallelism(), files });
  try {
    if (exports.length > 0) {
      for (const file of exports) {
        const count = await reader.exportTo(file, filter, limit);
        context.output.warn(`${plural(count, 'record')} written to ${file.path}`);
      }
      return 0;
    }
    const follower = options['follow'] === true ? new AuditFollower(log.path) : undefined;
    await follower?.start();
    const records = await reader.query(filter, { limit: limit ?? DEFAULT_LIMIT });
    printRecords(records, { isJson: options['json'] === true, isFollowing: follower !== undefined }, context.output);
    if (follower !== undefined) await follow(follower, filter, options, context.output);
    return 0;
  } finally {
    await reader.dispose();
  }
};

/** Throws `usage`. */
function readFilter(options: Options): AuditSelection {
  const named = (['tool', 'resource', 'prompt'] as const).filter((kind) => options[kind] !== undefined);
  const [kind, second] = named;
  if (second !== undefined) throw new MxcpError('usage', `give either --${kind} or --${second}`);
  const type = readChoice(options, 'type');
  if (kind !== undefined && type !== undefined && type !== kind)
    throw new MxcpError('usage', `--${kind} and --type ${type} cannot be combined: no record is both`);
  return {
    operationType: kind ?? type,
    operationName: kind === undefined ? undefined : text(options[kind]),
    operationStatus: readChoice(options, 'status'),
    policyDecision: readChoice(options, 'policy'),
    userId: text(options['user']),
    traceId: text(options['trace']),
    from: readSince(text(options['since'])),
  };
}

/** Throws `usage` for a value that no record has: an empty answer would look like a quiet server. */
function readChoice(options: Options, name: keyof typeof LOG_CHOICES): string | undefined {
  const known: readonly string[] = LOG_CHOICES[name];
  const value = text(options[name]);
  if (value === undefined || known.includes(value)) return value;
  throw new MxcpError('usage', `--${name} must be one of ${known.join(', ')}, not "${value}"`);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

const DAY_MS = 24 * 60 * 60_000;

function readSince(since: string | undefined): Date | undefined {
  if (since === undefined) return undefined;
  const days = /^(\d+)d$/.exec(since)?.[1];
  const agoMs = days === undefined ? parseDuration(since) : Number(days) * DAY_MS;
  if (agoMs === undefined)
    throw new MxcpError('usage', `--since must be a time such as 10s, 5m, 2h or 1d, not "${since}"`);
  return new Date(Date.now() - agoMs);
}

function readLimit(limit: unknown): number | undefined {
  if (limit === undefined) return undefined;
  const number = /^\d{1,7}$/.test(String(limit)) ? Number(limit) : 0;
  if (number >= 1 && number <= MAX_LIMIT) return number;
  throw new MxcpError('usage', `--limit must be a whole number from 1 to ${MAX_LIMIT}, not "${String(limit)}"`);
}

function readExports(options: Options, { cwd }: CommandContext) {
  return (['csv', 'duckdb'] as const).flatMap((format) => {
    const path = text(options[format === 'csv' ? 'exportCsv' : 'exportDuckdb']);
    return path === undefined ? [] : [{ format, path: resolve(cwd, path) }];
  });
}

interface Form {
  readonly isJson: boolean;
  readonly isFollowing: boolean;
}

/** While following, the oldest first and one a line, so that new ones come below. */
function printRecords(records: readonly FoundRecord[], { isJson, isFollowing }: Form, output: Output): void {
  if (isFollowing) for (const record of records.toReversed()) printOne(record, isJson, output);
  else if (isJson) output.json({ status: 'ok', result: records });
  else if (records.length > 0) printTable(output, COLUMNS, records.map(toCells));
  else if (output.isTerminal) output.print('no records');
}

const COLUMNS = ['TIME', 'TYPE', 'NAME', 'STATUS', 'MS', 'CALLER', 'POLICY', 'ERROR'];
const MAX_ERROR_LENGTH = 100;

function toCells(record: FoundRecord): readonly string[] {
  const of = (name: string): string => visible(String(record[name] ?? ''));
  const failure = record['error_code'] === null ? of('error') : `${of('error_code')}: ${of('error')}`;
  const caller = of('username') || of('user_id') || of('caller_type');
  const ms = typeof record['duration_ms'] === 'number' ? String(Math.round(record['duration_ms'])) : '';
  const error = record['error'] === null || record['error'] === undefined ? '' : failure.slice(0, MAX_ERROR_LENGTH);
  return [
    of('timestamp'),
    of('operation_type'),
    of('operation_name'),
    of('operation_status'),
    ms,
    caller,
    of('policy_decision'),
    error,
  ];
}

function printOne(record: FoundRecord, isJson: boolean, output: Output): void {
  output.print(
    isJson
      ? JSON.stringify(record)
      : toCells(record)
          .filter((cell) => cell !== '')
          .join('  '),
  );
}

/** Ends when the reader of the output has gone. */
async function follow(
  follower: AuditFollower,
  filter: AuditSelection,
  options: Options,
  output: Output,
): Promise<void> {
  const gone = new AbortController();
  for await (const record of follower.records(filter, gone.signal)) {
    printOne(record, options['json'] === true, output);
    if (output.isReaderGone) gone.abort();
  }
}

async function verify(path: string, options: Options, { output, cwd }: CommandContext): Promise<number> {
  const report = await checkChain(path);
  const isIntact = report.problems.length === 0;
  if (options['json'] === true) output.json({ status: isIntact ? 'ok' : 'error', result: report });
  else {
    for (const problem of report.problems)
      output.print(`${resolve(cwd, problem.path)}:${problem.line}: ${problem.message}`);
    const files = `${plural(report.records, 'record')} in ${plural(report.segments, 'file')} of ${dirname(path)}`;
    output.print(isIntact ? `${files}: none was changed, none is missing` : `${files}: see above`);
  }
  return isIntact ? 0 : 1;
}
