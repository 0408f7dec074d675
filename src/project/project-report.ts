import { isAbsolute, relative } from 'node:path';
import type { ProjectReportRecord } from '../contract/index.js';
import { formatProblem, groupByFile, type MxcpError } from '../errors/index.js';
import type { ProjectCheck } from './check-project.js';

type Verdict = ProjectReportRecord['verdicts'][number];

/** What `mxcp validate` prints and the admin API answers: a verdict for each file. */
export function toProjectReport(check: ProjectCheck, projectRoot: string): ProjectReportRecord {
  const { configError, databaseError, warnings } = check;
  const error = configError ?? databaseError;
  const during = configError === undefined ? 'database' : 'configuration';
  return {
    verdicts: [...toConfigVerdicts(check, projectRoot), ...toEndpointVerdicts(check)],
    warnings: warnings.map(formatProblem),
    error: error === undefined ? null : { error: error.code, message: error.message, during },
  };
}

function toEndpointVerdicts({ catalog, isSqlChecked, databaseError }: ProjectCheck): readonly Verdict[] {
  if (catalog === undefined) return [];
  const unchecked = `SQL and code not checked: ${whyUnchecked(databaseError)}`;
  const passed = catalog.endpoints.map(({ path, kind }): Verdict => {
    const isChecked = isSqlChecked || kind === 'prompt';
    return { status: isChecked ? 'ok' : 'unchecked', path, message: isChecked ? null : unchecked, kind: 'endpoint' };
  });
  const failed = catalog.failures.map(({ path, problems }): Verdict => {
    return { status: 'error', path, message: problems.map(formatProblem).join('\n'), kind: 'endpoint' };
  });
  return [...passed, ...failed].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function whyUnchecked(databaseError: MxcpError | undefined): string {
  if (databaseError === undefined) return 'the configuration has errors';
  return databaseError.code.startsWith('python_') ? 'Python does not run' : 'the database is not open';
}

/** The configuration files that have errors; the others are not listed. */
function toConfigVerdicts({ configError }: ProjectCheck, projectRoot: string): readonly Verdict[] {
  return [...groupByFile(configError?.problems ?? [])].map(([file, problems]) => {
    // The "file" of a problem with an option or a variable is its name, which is not a path.
    const inProject = isAbsolute(file) ? relative(projectRoot, file) : file;
    const path = inProject.startsWith('..') ? file : inProject;
    const message = problems.map((problem) => formatProblem({ ...problem, file: path })).join('\n');
    return { status: 'error', path, message, kind: 'configuration' };
  });
}
