import pc from 'picocolors';
import { ANONYMOUS, toCaller } from '../../caller/index.js';
import {
  type EndpointDefinition,
  type EndpointFailure,
  explainMissing,
  type EndpointKind,
} from '../../endpoints/index.js';
import { exitCodeOf, plural, visibleLines } from '../../errors/index.js';
import {
  type CallForTest,
  type EndpointTests,
  runTests,
  type TestOutcome,
  type TestReport,
} from '../../testing/index.js';
import type { CommandContext, CommandModule, Options } from '../command/command.js';
import { type ChooseEndpoints, openEndpoints, readCaller } from '../command/endpoint-calls.js';
import type { Output } from '../terminal/output.js';
import { withProgress } from '../terminal/progress.js';
import { printTable } from '../terminal/tables.js';

/** Exits with 1 when a test does not pass, and with 2 when the file of an endpoint has errors. */
export const run: CommandModule['run'] = async ([type, name], options, context) => {
  const { output } = context;
  const report = await withProgress(output, 'running the tests', runChosen([type, name], options, context));
  if (options['jsonOutput'] === true) output.json(toJson(report));
  else printReport(report, output);
  if (report.endpoints.some(({ problems }) => problems.length > 0)) return exitCodeOf('endpoint_invalid');
  return report.status === 'ok' ? 0 : 1;
};

async function runChosen(
  [type, name]: readonly (string | undefined)[],
  options: Options,
  context: CommandContext,
): Promise<TestReport> {
  const { user, headers } = readCaller(options, context);
  // Commander accepts no other kinds.
  const endpoints = await openEndpoints(options, context, choose(type as EndpointKind | undefined, name));
  try {
    const call: CallForTest = (definition, test) =>
      endpoints.call({
        kind: definition.kind,
        name: definition.kind === 'resource' ? definition.uri : definition.name,
        parameters: Object.fromEntries(test.arguments.map(({ key, value }) => [key, value])),
        caller: { ...(user ?? (test.user_context ? toCaller(test.user_context) : ANONYMOUS)), ...headers },
      });
    return await runTests(endpoints.catalog, call, endpoints.refused);
  } finally {
    await endpoints.dispose();
  }
}

/** All endpoints, those of one kind, or a single one. */
function choose(kind: EndpointKind | undefined, name: string | undefined): ChooseEndpoints {
  return (catalog) => {
    if (kind === undefined) return catalog;
    const isChosen = (each: EndpointDefinition | EndpointFailure): boolean =>
      each.kind === kind && (name === undefined || each.name === name || ('uri' in each && each.uri === name));
    const endpoints = catalog.endpoints.filter(isChosen);
    const failures = catalog.failures.filter(isChosen);
    if (name !== undefined && endpoints.length + failures.length === 0)
      throw explainMissing(catalog, { kind, name, hasSqlTools: false });
    return { ...catalog, endpoints, failures };
  };
}

/** As the format defines it; `time` is in seconds. */
function toJson({ status, endpoints }: TestReport): unknown {
  const result = {
    status,
    tests_run: endpoints.flatMap(({ outcomes }) => outcomes).length,
    endpoints: endpoints.map(({ endpoint, path, problems, outcomes }) => ({
      endpoint,
      path,
      status: statusOf({ problems, outcomes }),
      message: problems.length === 0 ? null : problems.join('\n'),
      test_results: outcomes.map(
        ({ name, description, status: state, problems: found, durationMs, tokens = null }) => ({
          name,
          description,
          status: state,
          error: found.length === 0 ? null : found.join('\n'),
          time: durationMs / 1000,
          tokens,
        }),
      ),
    })),
  };
  return { status: status === 'ok' ? 'ok' : 'error', result };
}

function statusOf({ problems, outcomes }: Pick<EndpointTests, 'problems' | 'outcomes'>): TestReport['status'] {
  const has = (state: TestOutcome['status']): boolean => outcomes.some(({ status }) => status === state);
  if (problems.length > 0 || has('error')) return 'error';
  return has('failed') ? 'failed' : 'ok';
}

function printReport({ endpoints }: TestReport, output: Output): void {
  const paint = (cell: string, column: number): string => {
    if (column > 0) return cell;
    return cell === 'passed' ? pc.green(cell) : pc.red(cell);
  };
  const rows = endpoints.flatMap(({ endpoint, problems, outcomes }) =>
    problems.length > 0
      ? [['error', endpoint, null, null, null]]
      : outcomes.map(({ status, name, durationMs, tokens = null }) => [
          status,
          endpoint,
          name,
          `${Math.round(durationMs)} ms`,
          tokens === null ? null : String(tokens),
        ]),
  );
  if (rows.length > 0) printTable(output, ['STATUS', 'ENDPOINT', 'TEST', 'TIME', 'TOKENS'], rows, paint);
  for (const { problems, outcomes } of endpoints)
    for (const problem of [...problems, ...outcomes.flatMap((outcome) => outcome.problems)])
      output.print(visibleLines(problem));
  output.print(summarize(endpoints));
}

function summarize(endpoints: readonly EndpointTests[]): string {
  const all = endpoints.flatMap(({ outcomes }) => outcomes);
  const count = (status: TestOutcome['status']): number => all.filter((outcome) => outcome.status === status).length;
  const broken = endpoints.filter(({ problems }) => problems.length > 0).length;
  const untested = endpoints.filter(({ problems, outcomes }) => problems.length + outcomes.length === 0).length;
  return [
    `${plural(all.length, 'test')}: ${count('passed')} passed, ${count('failed')} failed, ${plural(count('error'), 'error')}`,
    ...(broken === 0 ? [] : [`${plural(broken, 'endpoint file')} with errors`]),
    ...(untested === 0 ? [] : [`${plural(untested, 'endpoint')} without tests`]),
  ].join('; ');
}
