import type { Problem } from '../../errors/index.js';
import type { InspectedDatabase } from '../../runtime/index.js';
import type {
  EndpointCatalog,
  EndpointFailure,
  ResourceDefinition,
  ToolDefinition,
} from '../definitions/endpoint-definition.js';
import { checkSql } from './check-sql.js';
import type { PythonFunctions } from './run-work.js';

/** Statements prepared at once. Each takes a thread of the pool that file reads need as well. */
const PARALLEL_CHECKS = 4;

/** What endpoints are checked on: what they will run on, or what stands for it. */
export interface CheckedContents {
  readonly database: InspectedDatabase;
  /** Undefined when the project has no Python, and then no endpoint may need it. */
  readonly python: PythonFunctions | undefined;
}

/**
 * Looks at what every endpoint runs, without running it: SQL is prepared, Python functions are found, and what they take is
 * compared with the declared parameters. Returns the endpoints that cannot be served. Throws when it is neither the SQL
 * nor the code that failed.
 */
export async function checkEndpoints(
  catalog: EndpointCatalog,
  contents: CheckedContents,
): Promise<EndpointFailure[]> {
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
  return failures.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The catalogue without the endpoints that failed, which it lists as failures instead. */
export function withFailures(
  catalog: EndpointCatalog,
  failures: readonly EndpointFailure[],
): EndpointCatalog {
  if (failures.length === 0) return catalog;
  const failed = new Set(failures.map(({ path }) => path));
  return Object.freeze({
    ...catalog,
    endpoints: catalog.endpoints.filter(({ path }) => !failed.has(path)),
    failures: [...catalog.failures, ...failures].sort((a, b) => (a.path < b.path ? -1 : 1)),
  });
}

/** Python problems name their place in the code; those that have none stand where the endpoint file names the code. */
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
    line === undefined ? { ...source.python.namedAt, message } : { file, line, message },
  );
}
