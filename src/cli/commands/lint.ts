import pc from 'picocolors';
import { loadEndpointFolders } from '../../config/index.js';
import {
  LINT_SEVERITIES,
  type LintFinding,
  type LintSeverity,
  lintEndpoints,
  loadEndpoints,
} from '../../endpoints/index.js';
import { exitCodeOf, formatProblem, MxcpError, plural, visibleLines } from '../../errors/index.js';
import type { CommandModule } from '../command/command.js';
import { loadProjectSettings } from '../command/project-loading.js';
import type { Output } from '../terminal/output.js';

/** Opens no database and resolves no reference. Exits with 0 unless an endpoint file has errors, whatever is shown. */
export const run: CommandModule['run'] = async (_args, options, { output, ...context }) => {
  const least = readSeverity(options['severity']);
  const settings = loadProjectSettings(options, { output, ...context });
  const findings = lintEndpoints(await loadEndpoints(await loadEndpointFolders(settings)));
  const shown = findings.filter(({ severity }) => LINT_SEVERITIES.indexOf(severity) <= LINT_SEVERITIES.indexOf(least));
  const hasErrors = findings.some(({ severity }) => severity === 'error');
  if (options['jsonOutput'] === true) output.json({ status: hasErrors ? 'error' : 'ok', result: shown.map(toJson) });
  else print(shown, findings, output);
  return hasErrors ? exitCodeOf('endpoint_invalid') : 0;
};

/** The least severe findings to show. `all` is another name for `info`. */
function readSeverity(option: unknown): LintSeverity {
  if (option === undefined || option === 'all') return 'info';
  const severity = LINT_SEVERITIES.find((each) => each === option);
  if (severity === undefined)
    throw new MxcpError('usage', `--severity must be all, ${LINT_SEVERITIES.join(', ')}, not "${String(option)}"`);
  return severity;
}

function toJson({ severity, file, location, message, suggestion, line, column }: LintFinding): unknown {
  const place = { line: line ?? null, column: column ?? null };
  return { severity, path: file, location: location ?? null, message, suggestion: suggestion ?? null, ...place };
}

const PAINT = { error: pc.red, warning: pc.yellow, info: pc.cyan };

function print(shown: readonly LintFinding[], all: readonly LintFinding[], output: Output): void {
  for (const { severity, suggestion, message, ...place } of shown) {
    const label = severity.padEnd(9);
    const advice = suggestion === undefined ? '' : `; ${suggestion}`;
    const text = formatProblem({ ...place, message: `${message}${advice}` });
    output.print(`${output.isTerminal ? PAINT[severity](label) : label} ${visibleLines(text)}`);
  }
  const count = (severity: LintSeverity): number => all.filter((finding) => finding.severity === severity).length;
  const counts = [plural(count('error'), 'error'), plural(count('warning'), 'warning'), plural(count('info'), 'hint')];
  const hidden = all.length - shown.length;
  output.print(`${counts.join(', ')}${hidden === 0 ? '' : ` (${hidden} not shown)`}`);
}
