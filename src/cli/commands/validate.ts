import { isAbsolute, relative, resolve } from 'node:path';
import pc from 'picocolors';
import type { EndpointCatalog } from '../../endpoints/index.js';
import { exitCodeOf, formatProblem, groupByFile, MxcpError, plural } from '../../errors/index.js';
import { visibleLines } from '../../logging/terminal-text.js';
import { checkProject, type ProjectCheck } from '../../project/index.js';
import type { CommandModule } from '../kit/command.js';
import { type Output, withProgress } from '../kit/output.js';
import { createCommandLogger, loadProjectSettings } from '../kit/project-loading.js';

/** One file and what was found about it. `unchecked`: nothing is known to be wrong, but its SQL met no database, or its code no Python. */
interface Verdict {
  readonly status: 'ok' | 'error' | 'unchecked';
  readonly path: string;
  readonly message?: string;
}

/** Answers 0 only when everything was checked and nothing is wrong. */
export const run: CommandModule['run'] = async ([path], options, context) => {
  const settings = loadProjectSettings(options, context);
  const { output, cwd, env } = context;
  const logger = createCommandLogger(output, settings);
  const check = await withProgress(output, 'checking the project', checkProject(settings, { env, logger }));
  const root = settings.projectRoot;
  const endpoints = onlyUnder(
    toVerdicts(check),
    path === undefined ? undefined : relative(root, resolve(cwd, path)),
  );
  const verdicts = [...toConfigVerdicts(check, root), ...endpoints];
  const failed = endpoints.filter(({ status }) => status === 'error').length;
  const error = check.configError ?? check.databaseError;
  if (options['jsonOutput'] === true) output.json(toJson(verdicts, check, failed));
  else printVerdicts(output, verdicts, check);
  if (check.configError === undefined && failed > 0) return exitCodeOf('endpoint_invalid');
  return error?.exitCode ?? 0;
};

function toVerdicts({ catalog, isSqlChecked, databaseError }: ProjectCheck): readonly Verdict[] {
  if (catalog === undefined) return [];
  const reason = databaseError === undefined ? 'the configuration has problems' : whyNotOpen(databaseError);
  const unchecked = { status: 'unchecked', message: `SQL and code not checked: ${reason}` } as const;
  const passed = catalog.endpoints.map(
    ({ path, kind }): Verdict =>
      isSqlChecked || kind === 'prompt' ? { status: 'ok', path } : { ...unchecked, path },
  );
  return [...passed, ...toFailed(catalog)].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function whyNotOpen({ code }: MxcpError): string {
  return code.startsWith('python_') ? 'Python does not run' : 'the database is not open';
}

function toFailed({ failures }: EndpointCatalog): readonly Verdict[] {
  return failures.map(({ path, problems }) => ({
    status: 'error',
    path,
    message: problems.map(formatProblem).join('\n'),
  }));
}

/** The configuration files are listed only when something is wrong with them. */
function toConfigVerdicts({ configError }: ProjectCheck, root: string): readonly Verdict[] {
  return [...groupByFile(configError?.problems ?? [])].map(([file, problems]) => {
    // An option or a variable stands in no file; its name is no path.
    const inProject = isAbsolute(file) ? relative(root, file) : file;
    const path = inProject.startsWith('..') ? file : inProject;
    const message = problems.map((problem) => formatProblem({ ...problem, file: path })).join('\n');
    return { status: 'error', path, message };
  });
}

function onlyUnder(verdicts: readonly Verdict[], path: string | undefined): readonly Verdict[] {
  if (path === undefined || path === '') return verdicts;
  const found = verdicts.filter((verdict) => verdict.path === path || verdict.path.startsWith(`${path}/`));
  if (found.length === 0 && verdicts.length > 0) {
    throw new MxcpError('usage', `there is no endpoint file at ${path}; \`mxcp list\` lists all of them`);
  }
  return found;
}

function toJson(verdicts: readonly Verdict[], check: ProjectCheck, failed: number): unknown {
  const error = check.configError ?? check.databaseError;
  const message =
    error?.message ?? (failed > 0 ? `${plural(failed, 'endpoint file')} with errors` : undefined);
  return {
    status: message === undefined ? 'ok' : 'error',
    validated: verdicts,
    ...(message === undefined ? {} : { message }),
    ...(check.warnings.length === 0 ? {} : { warnings: check.warnings.map(formatProblem) }),
  };
}

const PAINT = { ok: pc.green, error: pc.red, unchecked: pc.yellow, warning: pc.yellow };

function printVerdicts(output: Output, verdicts: readonly Verdict[], check: ProjectCheck): void {
  const line = (label: keyof typeof PAINT, text: string): void => {
    const padded = label.padEnd(9);
    output.print(`${output.isTerminal ? PAINT[label](padded) : padded} ${visibleLines(text)}`);
  };
  for (const { status, path, message } of verdicts) {
    if (status !== 'error' || message === undefined) line(status, path);
    else for (const each of message.split('\n')) line('error', each);
  }
  for (const warning of check.warnings) line('warning', formatProblem(warning));
  const { configError, databaseError } = check;
  // What names files stands above, file by file.
  if (configError !== undefined && configError.problems.length === 0) line('error', configError.message);
  if (databaseError !== undefined) line('error', databaseError.message);
  if (databaseError?.code === 'database_locked') {
    output.print(
      '          a server that has it open can check everything: mxcp admin reload --dry-run --definitions',
    );
  }
  output.print(summary(verdicts));
}

function summary(verdicts: readonly Verdict[]): string {
  const count = (status: Verdict['status']): number =>
    verdicts.filter((verdict) => verdict.status === status).length;
  const parts = [`${count('ok')} ok`, `${count('error')} with errors`];
  if (count('unchecked') > 0) parts.push(`${count('unchecked')} whose SQL or code was not checked`);
  return `${plural(verdicts.length, 'file')}: ${parts.join(', ')}`;
}
