import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ANONYMOUS } from '../../caller/index.js';
import type { JsonObject, ParameterValue } from '../../duckdb/index.js';
import { EndpointSet } from '../../endpoints/index.js';
import { fileReasonOf, MxcpError } from '../../errors/index.js';
import { openProject } from '../../project/index.js';
import type { CommandContext, CommandModule, Options } from '../command/command.js';
import { readParameters } from '../command/json-arguments.js';
import { createCommandLogger, loadProjectConfig, loadProjectSettings } from '../command/project-loading.js';
import { orRunningServer, RunningServer } from '../command/running-server.js';
import { withProgress } from '../terminal/progress.js';
import { printTable } from '../terminal/tables.js';

/** A terminal gets no more rows than a person might read. */
const TERMINAL_ROWS = 1000;

interface Rows {
  readonly rows: readonly JsonObject[];
  readonly hasMore: boolean;
}

type Parameters = Readonly<Record<string, ParameterValue>>;

export const run: CommandModule['run'] = async ([given], options, context) => {
  const sql = readSql(given, options, context);
  // Values come from JSON, and any JSON value can be bound.
  const parameters = readParameters(options['param'], context.cwd) as Parameters;
  const work = queryRows([sql, parameters], options, context);
  const result = await withProgress(context.output, 'running the query', work);
  if (options['jsonOutput'] === true) context.output.json({ status: 'ok', result: result.rows });
  else printRows(result, context);
  return 0;
};

/** Takes the SQL from the argument or from `--file`. Throws `usage`. */
function readSql(given: string | undefined, { file }: Options, { cwd }: CommandContext): string {
  if ((given === undefined) === (file === undefined)) {
    throw new MxcpError(
      'usage',
      "give the SQL either as an argument or with `--file`, for example mxcp query 'SELECT 1'",
    );
  }
  if (given !== undefined && given !== '-') return given;
  try {
    return readFileSync(given === '-' ? 0 : resolve(cwd, String(file)), 'utf8');
  } catch (error) {
    const source = given === '-' ? 'SQL from standard input' : `the SQL file "${String(file)}"`;
    throw new MxcpError('usage', `cannot read ${source}: ${fileReasonOf(error)}`, { cause: error });
  }
}

const NO_ENDPOINTS = { endpoints: [], failures: [], disabled: [], warnings: [], fingerprints: new Map() };

async function queryRows(
  [sql, parameters]: [string, Parameters],
  options: Options,
  context: CommandContext,
): Promise<Rows> {
  const settings = loadProjectSettings(options, context);
  const config = await loadProjectConfig(settings, context);
  // The rules for rows are not asked here, so a table that has one can still be created.
  const unprotected = { ...config, protection: { tables: [], unfiltered: [] } };
  const opening = openProject(unprotected, {
    targets: undefined,
    resources: [],
    hooks: false,
    logger: createCommandLogger(context.output, settings),
    endpointsOn: () => new EndpointSet(NO_ENDPOINTS, config.sqlTools),
  });
  const isLimited = context.output.isTerminal && options['jsonOutput'] !== true;
  const project = await orRunningServer(opening, config.duckdb.path, context.output);
  if (project instanceof RunningServer) {
    const { result, truncated } = await project.query({ sql, parameters, ...(isLimited && { limit: TERMINAL_ROWS }) });
    // The server answers with rows.
    return { rows: result as readonly JsonObject[], hasMore: truncated };
  }
  const rows: JsonObject[] = [];
  try {
    const { hasMore } = await project.contents.database.query(sql, parameters, {
      caller: ANONYMOUS,
      onRow: (row) => void rows.push(row),
      maxRows: isLimited ? TERMINAL_ROWS : undefined,
      refusesExcess: true,
    });
    return { rows, hasMore };
  } finally {
    await project.dispose();
  }
}

function printRows({ rows, hasMore }: Rows, { output }: CommandContext): void {
  const [first] = rows;
  if (first === undefined) {
    if (output.isTerminal) output.print('no rows');
    return;
  }
  const columns = Object.keys(first);
  const cells = rows.map((row) => columns.map((column) => toCell(row[column])));
  printTable(output, columns, cells);
  if (hasMore) output.print(`the first ${rows.length} rows; a pipe or \`--json-output\` gets all of them`);
}

function toCell(value: JsonObject[string] | undefined): string {
  if (value === null || value === undefined) return 'NULL';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
