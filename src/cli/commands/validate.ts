import { isAbsolute, relative, resolve } from 'node:path';
import pc from 'picocolors';
import { exitCodeOf, formatProblem, groupByFile, MxcpError, plural, visibleLines } from '../../errors/index.js';
import { checkProject, type ProjectCheck } from '../../project/index.js';
import type { CommandModule } from '../command/command.js';
import { createCommandLogger, loadProjectSettings } from '../command/project-loading.js';
import type { Output } from '../terminal/output.js';
import { withProgress } from '../terminal/progress.js';

/** The result for one file. `unchecked`: no error was found, but its SQL or code could not be checked. */
interface Verdict {
  readonly status: 'ok' | 'error' | 'unchecked';
  readonly path: string;
  readonly message?: string;
}

/** Exits with 0 only when everything was checked and nothing is wrong. */
export const run: CommandModule['run'] = async ([path], options, context) => {
  const settings = loadProjectSettings(options, context);
  const { output, cwd, env } = context;
  const logger = createCommandLogger(output, settings);
  const check = await withProgress(output, 'checking the project', checkProject(settings, { env, logger }));
  const root = settings.projectRoot;
  const chosen = path === undefined ? '' : relative(root, resolve(cwd, path));
  const endpoints = onlyUnder(toVerdicts(check), chosen);
  const verdicts = [...toConfigVerdicts(check, root), ...endpoints];
  const failed = endpoints.filter(({ status }) => status === 'error').length;
  if (options['jsonOutput'] === true) output.json(toJson(verdicts, check, failed));
  else printVerdicts(output, verdicts, check);
  if (check.configError === undefined && failed > 0) return exitCodeOf('endpoint_invalid');
  return (check.configError ?? check.databaseError)?.exitCode ?? 0;
};

function toVerdicts({ catalog, isSqlChecked, databaseError }: ProjectCheck): readonly Verdict[] {
  if (catalog === undefined) return [];
  const message = `SQL and code not checked: ${whyUnchecked(databaseError)}`;
  const passed = catalog.endpoints.map(
    ({ path, kind }): Verdict =>
      isSqlChecked || kind === 'prompt' ? { status: 'ok', path } : { status: 'unchecked', message, path },
  );
  const failed = catalog.failures.map(
    ({ path, problems }): Verdict => ({ status: 'error', path, message: problems.map(formatProblem).join('\n') }),
  );
  return [...passed, ...failed].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function whyUnchecked(databaseError: MxcpError | undefined): string {
  if (databaseError === undefined) return 'the configuration has errors';
  return databaseError.code.startsWith('python_') ? 'Python does not run' : 'the database is not open';
}

/** The configuration files that have errors; the others are not listed. */
function toConfigVerdicts({ configError }: ProjectCheck, root: string): readonly Verdict[] {
  return [...groupByFile(configError?.problems ?? [])].map(([file, problems]) => {
    // The "file" of a problem with an option or a variable is its name, which is not a path.
    const inProject = isAbsolute(file) ? relative(root, file) : file;
    const path = inProject.startsWith('..') ? file : inProject;
    const message = problems.map((problem) => formatProblem({ ...problem, file: path })).join('\n');
    return { status: 'error', path, message };
  });
}

function onlyUnder(verdicts: readonly Verdict[], path: string): readonly Verdict[] {
  if (path === '') return verdicts;
  const found = verdicts.filter((verdict) => verdict.path === path || verdict.path.startsWith(`${path}/`));
  if (found.length > 0 || verdicts.length === 0) return found;
  throw new MxcpError('usage', `there is no endpoint file at "${path}"; \`mxcp list\` shows all endpoint files`);
}

function toJson(verdicts: readonly Verdict[], check: ProjectCheck, failed: number): unknown {
  const error = check.configError ?? check.databaseError;
  const message = error?.message ?? (failed > 0 ? `${plural(failed, 'endpoint file')} with errors` : undefined);
  const status = message === undefined ? 'ok' : 'error';
  const result = {
    status,
    validated: verdicts,
    ...(message !== undefined && { message }),
    ...(check.warnings.length > 0 && { warnings: check.warnings.map(formatProblem) }),
  };
  return { status, result };
}

const PAINT = { ok: pc.green, error: pc.red, unchecked: pc.yellow, warning: pc.yellow };

function printVerdicts(output: Output, verdicts: readonly Verdict[], check: ProjectCheck): void {
  const line = (label: keyof typeof PAINT, text: string): void => {
    const padded = label.padEnd(9);
    output.print(`${output.isTerminal ? PAINT[label](padded) : padded} ${visibleLines(text)}`);
  };
  // Endpoints that share a file share its problems, which name all of them.
  const printed = new Set<string>();
  for (const { status, path, message } of verdicts) {
    if (status !== 'error' || message === undefined) line(status, path);
    else for (const each of message.split('\n').filter((text) => !printed.has(text))) line('error', each);
    for (const each of message?.split('\n') ?? []) printed.add(each);
  }
  for (const warning of check.warnings) line('warning', formatProblem(warning));
  const { configError, databaseError } = check;
  // Problems that name a file are printed above, file by file.
  if (configError !== undefined && configError.problems.length === 0) line('error', configError.message);
  if (databaseError !== undefined) line('error', databaseError.message);
  if (databaseError?.code === 'database_locked') {
    output.print(
      '          the server that has it open can check everything: mxcp admin reload --dry-run --definitions',
    );
  }
  output.print(summary(verdicts));
}

function summary(verdicts: readonly Verdict[]): string {
  const count = (status: Verdict['status']): number => verdicts.filter((verdict) => verdict.status === status).length;
  const unchecked = count('unchecked');
  const rest = unchecked === 0 ? '' : `, ${unchecked} with SQL or code that was not checked`;
  return `${plural(verdicts.length, 'file')}: ${count('ok')} ok, ${count('error')} with errors${rest}`;
}
