import { relative, resolve } from 'node:path';
import pc from 'picocolors';
import { loadEndpointFolders } from '../../config/index.js';
import type { ProjectReportRecord } from '../../contract/index.js';
import { type Client, type ClientFinding, CLIENTS, lintForClients, loadEndpoints } from '../../endpoints/index.js';
import {
  type ErrorCode,
  exitCodeOf,
  formatProblem,
  keySuggestion,
  MxcpError,
  plural,
  visibleLines,
} from '../../errors/index.js';
import { checkProject, toProjectReport } from '../../project/index.js';
import { type ServerSettings, SITE_FILE_NAME } from '../../settings/index.js';
import type { CommandContext, CommandModule } from '../command/command.js';
import { createCommandLogger, loadProjectSettings } from '../command/project-loading.js';
import { explainLock, RunningServer } from '../command/running-server.js';
import type { Output } from '../terminal/output.js';
import { withProgress } from '../terminal/progress.js';

type Verdict = ProjectReportRecord['verdicts'][number];

/** Exits with 0 only when everything was checked and nothing is wrong. */
export const run: CommandModule['run'] = async ([path], options, context) => {
  const clients = readClients(options['clients']);
  const settings = loadProjectSettings(options, context);
  const { output, cwd } = context;
  const report = await withProgress(output, 'checking the project', checkOrAsk(settings, context));
  const chosen = path === undefined ? '' : relative(settings.projectRoot, resolve(cwd, path));
  const endpoints = onlyUnder(
    report.verdicts.filter(({ kind }) => kind === 'endpoint'),
    chosen,
  );
  const found = await lintFor(clients, settings);
  const findings = found?.filter(({ file }) => isAbout(file, chosen));
  const warnings = report.warnings.filter((text) => isAbout(text, chosen));
  const shown = {
    ...report,
    warnings,
    verdicts: [...report.verdicts.filter(({ kind }) => kind !== 'endpoint'), ...endpoints],
  };
  const failed = endpoints.filter(({ status }) => status === 'error').length;
  if (options['jsonOutput'] === true) output.json(toJson(shown, failed, findings));
  else printReport(output, { ...shown, warnings: [...warnings, ...(findings ?? []).map(toWarning)] }, findings);
  if (report.error?.during !== 'configuration' && failed > 0) return exitCodeOf('endpoint_invalid');
  // The server that answered may be newer and have codes that this command does not know.
  return report.error === null ? 0 : exitCodeOf(report.error.error as ErrorCode);
};

/** Undefined if no client is asked about. */
function readClients(given: unknown): readonly Client[] | undefined {
  if (given === undefined) return undefined;
  const names = String(given)
    .split(',')
    .map((name) => name.trim());
  if (names.includes('all')) return CLIENTS;
  return names.map((name) => {
    const client = CLIENTS.find((each) => each === name);
    if (client !== undefined) return client;
    const known = ['all', ...CLIENTS];
    const message = `--clients must be ${known.join(', ')}, not "${name}"${keySuggestion(name, known)}`;
    throw new MxcpError('usage', message);
  });
}

/** From the files on disk, also beside a running server: what clients refuse does not depend on a database. */
async function lintFor(
  clients: readonly Client[] | undefined,
  settings: ServerSettings,
): Promise<readonly ClientFinding[] | undefined> {
  if (clients === undefined) return undefined;
  try {
    return lintForClients(await loadEndpoints(await loadEndpointFolders(settings)), clients);
  } catch (error) {
    // The folders are unknown because of an error in the site file, which the report has.
    if (error instanceof MxcpError && error.code === 'config_invalid') return [];
    throw error;
  }
}

function toWarning({ message, suggestion, ...place }: ClientFinding): string {
  return formatProblem({ ...place, message: `${message}; ${suggestion}` });
}

/** A server that has the database open checks the same files, in the same way. */
async function checkOrAsk(settings: ServerSettings, context: CommandContext): Promise<ProjectReportRecord> {
  const logger = createCommandLogger(context.output, settings);
  const check = await checkProject(settings, { env: context.env, logger });
  const { databaseError, databasePath } = check;
  if (databaseError?.code !== 'database_locked' || databasePath === undefined)
    return toProjectReport(check, settings.projectRoot);
  const server = RunningServer.find(databasePath, databaseError, context.output);
  if (server !== undefined) return server.validate();
  return toProjectReport({ ...check, databaseError: explainLock(databaseError) }, settings.projectRoot);
}

/** With a path, warnings about other files of the project are left out, but not those about its configuration. */
function isAbout(warning: string, path: string): boolean {
  return [path, '/', SITE_FILE_NAME].some((start) => warning.startsWith(start));
}

function onlyUnder(verdicts: readonly Verdict[], path: string): readonly Verdict[] {
  if (path === '') return verdicts;
  const found = verdicts.filter((verdict) => verdict.path === path || verdict.path.startsWith(`${path}/`));
  if (found.length > 0 || verdicts.length === 0) return found;
  throw new MxcpError('usage', `there is no endpoint file at "${path}"; \`mxcp list\` shows all endpoint files`);
}

function toJson(
  { verdicts, warnings, error }: ProjectReportRecord,
  failed: number,
  findings: readonly ClientFinding[] | undefined,
): unknown {
  const message = error?.message ?? (failed > 0 ? `${plural(failed, 'endpoint file')} with errors` : undefined);
  const status = message === undefined ? 'ok' : 'error';
  const validated = verdicts.map(({ kind: _kind, message: text, ...each }) => ({
    ...each,
    ...(text !== null && { message: text }),
  }));
  return {
    status,
    result: {
      status,
      validated,
      ...(message !== undefined && { message }),
      ...(warnings.length > 0 && { warnings }),
      ...(findings && { clients: findings.map(toClientJson) }),
    },
  };
}

function toClientJson({ client, rule, file, location, message, suggestion, line, column }: ClientFinding): unknown {
  const place = { line: line ?? null, column: column ?? null };
  return { client, rule, path: file, location: location ?? null, message, suggestion, ...place };
}

const PAINT = { ok: pc.green, error: pc.red, unchecked: pc.yellow, warning: pc.yellow };

function printReport(
  output: Output,
  { verdicts, warnings, error }: ProjectReportRecord,
  findings: readonly ClientFinding[] | undefined,
): void {
  const line = (label: keyof typeof PAINT, text: string): void => {
    const padded = label.padEnd(9);
    output.print(`${output.isTerminal ? PAINT[label](padded) : padded} ${visibleLines(text)}`);
  };
  // Endpoints that share a file share its problems, which name all of them.
  const printed = new Set<string>();
  for (const { status, path, message } of verdicts) {
    if (status !== 'error' || message === null) line(status, path);
    else for (const each of message.split('\n').filter((text) => !printed.has(text))) line('error', each);
    for (const each of message?.split('\n') ?? []) printed.add(each);
  }
  for (const warning of warnings) line('warning', warning);
  // Problems that name a file are printed above, file by file.
  const isPrinted = error?.during === 'configuration' && verdicts.some(({ kind }) => kind === 'configuration');
  if (error !== null && !isPrinted) line('error', error.message);
  const forClients = findings === undefined ? '' : `, ${plural(findings.length, 'finding')} for clients`;
  output.print(`${summary(verdicts)}${forClients}`);
}

function summary(verdicts: readonly Verdict[]): string {
  const count = (status: Verdict['status']): number => verdicts.filter((verdict) => verdict.status === status).length;
  const unchecked = count('unchecked');
  const rest = unchecked === 0 ? '' : `, ${unchecked} with SQL or code that was not checked`;
  return `${plural(verdicts.length, 'file')}: ${count('ok')} ok, ${count('error')} with errors${rest}`;
}
