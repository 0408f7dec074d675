import type { Config, EndpointList, LogLevelAnswer, ProbeOk, Rotation, Status } from '../../../contract/index.js';
import { MxcpError, plural } from '../../../errors/index.js';
import { parseDuration } from '../../../lifecycle/index.js';
import type { Output } from '../../terminal/output.js';
import { startProgress } from '../../terminal/progress.js';
import { printFields, printTable } from '../../terminal/tables.js';
import { adminCommand, formatValue, readWait } from './admin-command.js';

export const health = adminCommand({
  ask: (client) => client.health(),
  print: ({ status, timestamp }, output) => output.print(`${status} at ${timestamp}`),
});

/** Exits with 1 when calls would not be served now. */
export const ready = adminCommand({
  ask: (client) => client.ready(),
  print: ({ status, checks }, output) => {
    printChecks(output, checks);
    output.print(status === 'ok' ? 'ready' : 'not ready');
  },
  exitCode: ({ status }) => (status === 'ok' ? 0 : 1),
});

/** Exits with 1 when the server reports that it is degraded. */
export const status = adminCommand({
  ask: (client) => client.status(),
  print: (answer, output) => {
    printFields(output, toFields(answer));
    if (answer.status !== 'ok') printChecks(output, answer.checks);
  },
  exitCode: (answer) => (answer.status === 'ok' ? 0 : 1),
});

export const endpoints = adminCommand({
  ask: (client) => client.endpoints(),
  print: (answer, output) => {
    const rows = answer.endpoints.map((each) => [shownStatus(each), each.type, each.name, each.path, each.error ?? '']);
    printTable(output, ['STATUS', 'TYPE', 'NAME', 'PATH', 'ERROR'], rows);
  },
});

/** A file that was refused while its earlier version is served, or stays switched off, is not simply `ok`. */
function shownStatus({ status: known, error }: EndpointList['endpoints'][number]): string {
  return error === null || known === 'error' ? known : `${known} (earlier version)`;
}

/** `mxcp admin drain`: exits with 0 once the server is out of rotation and, with `--wait`, has no calls left. */
export const drain = adminCommand({
  ask: async (client, { options, output }) => {
    const waitMs = readWait('--wait', options['wait']);
    // A wait of no time is none.
    if (waitMs === undefined || waitMs === 0) return client.drain();
    const progress = startProgress(output, () => 'waiting for calls to end');
    return client.drain({ waitMs }).finally(() => progress.end());
  },
  print: (answer, output) => output.print(describeRotation(answer)),
});

export const resume = adminCommand({
  ask: (client) => client.resume(),
  print: (answer, output) => output.print(describeRotation(answer)),
});

/** As the server limits it. */
const MIN_FOR_MS = 1;
const MAX_FOR_MS = 24 * 60 * 60 * 1000;
const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'default'] as const;

/** `mxcp admin loglevel [level]`: shows the level, or changes it, with `--for` for a limited time. */
export const loglevel = adminCommand({
  ask: (client, { args: [level], options }) => {
    const time = options['for'];
    if (level === undefined && time === undefined) return client.logLevel();
    if (level === undefined)
      throw new MxcpError('usage', '`--for` needs a level: `mxcp admin loglevel debug --for 10m`');
    const chosen = LOG_LEVELS.find((each) => each === level.toLowerCase());
    if (chosen === undefined)
      throw new MxcpError('usage', `unknown log level "${level}"; expected ${LOG_LEVELS.join(', ')}`);
    if (chosen === 'default' && time !== undefined)
      throw new MxcpError('usage', '`--for` cannot be combined with `default`, the configured level');
    const forMs = typeof time === 'string' ? (parseDuration(time) ?? 0) : MIN_FOR_MS;
    if (forMs < MIN_FOR_MS || forMs > MAX_FOR_MS)
      throw new MxcpError('usage', `--for must be a time such as 90s, 10m or 2h, at most 24h, not "${String(time)}"`);
    return client.setLogLevel(chosen, typeof time === 'string' ? { for: time } : {});
  },
  print: (answer, output) => output.print(formatLogLevel(answer)),
});

function formatLogLevel({ level, configured, until }: LogLevelAnswer): string {
  if (level === configured) return level;
  return `${level} ${until === null ? 'until a restart' : `until ${until}`}, then ${configured}`;
}

export const config = adminCommand({ ask: (client) => client.config(), print: printConfig });

function printChecks(output: Output, checks: ProbeOk['checks']): void {
  const rows = checks.map((check) => [check.name, check.status, check.message]);
  printTable(output, ['CHECK', 'STATUS', 'MESSAGE'], rows);
}

type Field = [name: string, value: string];

function toFields(answer: Status): Field[] {
  const { endpoints: counts, admin_socket: socket, reload, calls } = answer;
  const { tools, resources, prompts } = counts;
  // Only a project with Python code has this check.
  const python = answer.checks.filter(({ name }) => name === 'python');
  return [
    ['status', answer.status],
    ['version', answer.version],
    ['uptime', `${answer.uptime} (since ${answer.started_at})`],
    ['pid', String(answer.pid)],
    ['profile', `${answer.profile ?? 'not known yet'} (${answer.mode ?? 'database not open yet'})`],
    ['generation', String(answer.generation)],
    ['endpoints', [plural(tools, 'tool'), plural(resources, 'resource'), plural(prompts, 'prompt')].join(', ')],
    ...ifAny('out of rotation since', answer.draining_since === null ? [] : [answer.draining_since]),
    ['calls running', String(reload.active_requests)],
    ['calls ended', `${calls.total}${calls.error > 0 ? `, ${calls.error} with an error` : ''}`],
    ...python.map(({ name, message }): Field => [name, message]),
    ['last reload', formatLastReload(reload)],
    ...ifAny('refused', reload.definitions_refused),
    ...ifAny(reload.last_reload_status === 'error' ? 'not applied' : 'not read', reload.definitions_changed),
    ...ifAny('needs a restart', reload.restart_required),
    ['reload now', `${reload.in_progress ? 'running' : 'no'}${reload.queued > 0 ? `, ${reload.queued} waiting` : ''}`],
    ['log level', formatLogLevel(answer.log_level)],
    ...answer.background.map((report): Field => [report.name, `${report.status}: ${report.message}`]),
    ['admin socket', `${socket.path} (${socket.mode})`],
    ...(socket.probe_path === null ? [] : [['probe socket', socket.probe_path] satisfies Field]),
  ];
}

/** No line for an empty list. */
function ifAny(name: string, values: readonly string[]): Field[] {
  return values.length === 0 ? [] : [[name, values.join(', ')]];
}

function formatLastReload(reload: Status['reload']): string {
  if (reload.last_reload === null) return 'none since the start';
  const outcome = `${reload.last_reload_status} at ${reload.last_reload}`;
  return reload.last_reload_error === null ? outcome : `${outcome}: ${reload.last_reload_error}`;
}

function printConfig(answer: Config, output: Output): void {
  const { duckdb, endpoints: names, features, references, last_rejected: rejected } = answer;
  const enabled = Object.entries(features).flatMap(([name, isOn]) => (isOn ? [name] : []));
  printFields(output, [
    ['project', `${answer.project} (profile ${answer.profile})`],
    ['folder', answer.repository_path],
    ['transport', answer.transport],
    ['database', `${duckdb.path}${duckdb.readonly ? ' (read-only)' : ''}`],
    ['extensions', toList(answer.extensions)],
    ['attached', toList(answer.attached.map(({ name, type }) => `${name} (${type})`))],
    ['tools', toList(names.tools)],
    ['resources', toList(names.resources)],
    ['prompts', toList(names.prompts)],
    ['features', toList(enabled)],
    ['generation', `${answer.generation}, loaded at ${answer.loaded_at}`],
    ['config files', toList(answer.config_files)],
    ['env files', toList(answer.env_files)],
  ]);
  const rows = references.map((each) => {
    return [each.ref, each.source, each.version, each.changed_at, each.fingerprint, each.used_by.join(', ')];
  });
  const head = ['REFERENCE', 'SOURCE', 'VERSION', 'CHANGED AT', 'FINGERPRINT', 'USED BY'];
  if (rows.length > 0) printTable(output, head, rows);
  for (const { setting, running, on_disk: onDisk } of answer.restart_required)
    output.print(`a restart would change ${setting}: ${formatValue(running)} -> ${formatValue(onDisk)}`);
  if (rejected !== null)
    printFields(output, [['last rejected', `${rejected.at} (${rejected.reload_id}): ${rejected.error}`]]);
}

function describeRotation({ status: state, draining_since: since, active_requests: count }: Rotation): string {
  if (state === 'in_rotation') return 'in rotation: new calls are served';
  const left = count === 0 ? 'no calls are left' : `${plural(count, 'call')} still running`;
  return `out of rotation since ${since}: new calls are refused, ${left}`;
}

function toList(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}
