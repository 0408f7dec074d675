import type { InspectedDatabase } from '../../duckdb/index.js';
import { formatProblem, type Problem, toMxcpError } from '../../errors/index.js';
import type { PythonTarget, PythonWorkers } from '../../python/index.js';
import { toSampleParameters } from '../../values/index.js';
import type {
  EndpointCatalog,
  EndpointFailure,
  ResourceDefinition,
  SqlSource,
  ToolDefinition,
} from '../definitions/endpoint-definition.js';
import {
  comparedListProblem,
  compareParameters,
  compareResult,
  explainSqlError,
  writeProblem,
} from './sql-problems.js';

/** Statements prepared at once. Each occupies a thread of the pool, which file reads need as well. */
const PARALLEL_CHECKS = 4;

/** What endpoints are checked on: the database and workers they will run on, or a preflight database. */
export interface CheckedContents {
  readonly database: InspectedDatabase;
  /** Undefined when the project has no Python; then no endpoint may need it. */
  readonly python: Pick<PythonWorkers, 'inspect'> | undefined;
}

/**
 * Checks what every endpoint runs, without running it: prepares SQL, finds Python functions, and compares what they take
 * with the declared parameters. Returns the endpoints that fail. Throws when the cause is neither the SQL nor the code.
 */
export async function checkEndpoints(catalog: EndpointCatalog, contents: CheckedContents): Promise<EndpointFailure[]> {
  const pending = catalog.endpoints.filter((endpoint) => endpoint.kind !== 'prompt').values();
  const failures: EndpointFailure[] = [];
  const checkPending = async (): Promise<void> => {
    for (const definition of pending) {
      const problems = await checkDefinition(definition, contents);
      const { path, kind, name } = definition;
      if (problems.length > 0) failures.push({ path, kind, name, problems });
    }
  };
  // Settled, not raced: a check that is still running must not outlive this call, which the database's owner waits for.
  const outcomes = await Promise.allSettled(Array.from({ length: PARALLEL_CHECKS }, checkPending));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  return nameUsers(failures.sort((a, b) => (a.path < b.path ? -1 : 1)));
}

const SHOWN_USERS = 5;

/** A problem in a file of SQL or code says which endpoints use the file, and is the same problem for all of them. */
function nameUsers(failures: readonly EndpointFailure[]): EndpointFailure[] {
  const users = new Map<string, string[]>();
  for (const { path, problems } of failures)
    for (const text of new Set(problems.filter(({ file }) => file !== path).map(formatProblem)))
      users.set(text, [...(users.get(text) ?? []), path]);
  return failures.map((failure) => ({
    ...failure,
    problems: failure.problems.map((problem): Problem => {
      const paths = users.get(formatProblem(problem));
      if (paths === undefined) return problem;
      const more = paths.length > SHOWN_USERS ? ` and ${paths.length - SHOWN_USERS} more` : '';
      const usedBy = paths.slice(0, SHOWN_USERS).join(', ') + more;
      return { ...problem, message: `${problem.message} (used by ${usedBy})` };
    }),
  }));
}

/** The catalog without the endpoints that failed, which it lists as failures instead. */
export function withFailures(catalog: EndpointCatalog, failures: readonly EndpointFailure[]): EndpointCatalog {
  if (failures.length === 0) return catalog;
  const failed = new Set(failures.map(({ path }) => path));
  return Object.freeze({
    ...catalog,
    endpoints: catalog.endpoints.filter(({ path }) => !failed.has(path)),
    failures: [...catalog.failures, ...failures].sort((a, b) => (a.path < b.path ? -1 : 1)),
  });
}

/** A Python problem without a place in the code is reported where the endpoint file names the code. */
async function checkDefinition(
  definition: ToolDefinition | ResourceDefinition,
  { database, python }: CheckedContents,
): Promise<readonly Problem[]> {
  const { source, parameters } = definition;
  if (source.language === 'sql') return checkSql(source.sql, definition, database);
  if (python === undefined) throw new Error(`no Python workers to check ${definition.path} with`);
  const names = parameters.map(({ name }) => name);
  const found = await python.inspect(source.python, names);
  return found.map(({ message, file, line }) =>
    line === undefined ? { ...source.python.namedAt(), message } : { file, line, message },
  );
}

/** Throws what `inspect` throws when it is not the SQL that failed. */
async function checkSql(
  sql: SqlSource,
  definition: ToolDefinition | ResourceDefinition,
  database: InspectedDatabase,
): Promise<Problem[]> {
  try {
    const shape = await database.inspect(sql.text, toSampleParameters(definition.parameters));
    if (shape.isRefusedWrite === true) return [writeProblem(sql)];
    if (shape.comparedLists !== undefined) return shape.comparedLists.map((name) => comparedListProblem(sql, name));
    const { parameterNames: used, columns } = shape;
    const declared = new Set(definition.parameters.map(({ name }) => name));
    const isSame = declared.size === used.length && used.every((name) => declared.has(name));
    return [...(isSame ? [] : compareParameters(sql, definition, used)), ...compareResult(definition, columns)];
  } catch (thrown) {
    const error = toMxcpError(thrown);
    if (error.code !== 'query_failed') throw error;
    return [
      explainSqlError(
        sql,
        error.message,
        definition.parameters.map(({ name }) => name),
      ),
    ];
  }
}

/** The Python functions that the endpoints of a catalog call. */
export function findPythonTargets({ endpoints }: EndpointCatalog): readonly PythonTarget[] {
  return endpoints.flatMap((endpoint) =>
    endpoint.kind !== 'prompt' && endpoint.source.language === 'python' ? [endpoint.source.python] : [],
  );
}
