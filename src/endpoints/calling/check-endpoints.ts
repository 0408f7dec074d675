import { toMxcpError, type Problem } from '../../errors/index.js';
import type { QueryableDatabase } from '../../runtime/index.js';
import type {
  EndpointCatalog,
  EndpointFailure,
  ResourceDefinition,
  SqlSource,
  ToolDefinition,
} from '../definitions/endpoint-definition.js';
import { suggestion } from '../definitions/suggestion.js';
import { toSampleParameters } from '../values/sample.js';

/** Statements prepared at once. Each takes a thread of the pool that file reads need as well. */
const PARALLEL_CHECKS = 4;

type SqlDefinition = ToolDefinition | ResourceDefinition;

/**
 * Prepares the SQL of every endpoint on a database, without running it, and compares its parameters with the declared
 * ones. Returns the endpoints that cannot be served. Throws what `inspect` throws when it is not the SQL that failed.
 */
export async function checkEndpoints(
  catalog: EndpointCatalog,
  database: QueryableDatabase,
): Promise<EndpointFailure[]> {
  const pending = catalog.endpoints.filter((endpoint) => endpoint.kind !== 'prompt').values();
  const failures: EndpointFailure[] = [];
  const checkPending = async (): Promise<void> => {
    for (const definition of pending) {
      const problems = await checkSql(definition, database);
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

async function checkSql(definition: SqlDefinition, database: QueryableDatabase): Promise<Problem[]> {
  try {
    const { parameterNames } = await database.inspect(
      definition.sql.text,
      toSampleParameters(definition.parameters),
    );
    return compareParameters(definition, parameterNames);
  } catch (thrown) {
    const error = toMxcpError(thrown);
    if (error.code !== 'query_failed') throw error;
    return [sqlProblem(definition.sql, error.message)];
  }
}

function compareParameters(definition: SqlDefinition, used: readonly string[]): Problem[] {
  const declared = definition.parameters.map(({ name }) => name);
  const { file, firstLine } = definition.sql;
  const undeclared = used
    .filter((name) => !declared.includes(name))
    .map((name) => {
      const line = firstLine + lineOfParameter(definition.sql.text, name);
      return {
        file,
        line,
        message: `the SQL uses $${name}, which is not a declared parameter${suggestion(name, declared)}`,
      };
    });
  const unused = definition.parameters.flatMap(({ name }, index) => {
    if (used.includes(name)) return [];
    const position = definition.positions.parameters[index] ?? definition.positions.identity;
    return [
      {
        ...position,
        message: `parameter "${name}" is not used by the SQL; use $${name} or remove the parameter`,
      },
    ];
  });
  return [...undeclared, ...unused];
}

function lineOfParameter(sql: string, name: string): number {
  const before = sql.split(new RegExp(`\\$${name}(?![A-Za-z0-9_])`), 1)[0] ?? '';
  return before === sql ? 0 : before.split('\n').length - 1;
}

/** DuckDB says `LINE n:` of the SQL it was given; that becomes the line of the file the SQL stands in. */
function sqlProblem({ file, firstLine }: SqlSource, message: string): Problem {
  const line = /^LINE (\d+):/m.exec(message)?.[1];
  return {
    file,
    line: firstLine + (line === undefined ? 0 : Number(line) - 1),
    message: `the SQL does not compile: ${reasonOf(message)}`,
  };
}

/** DuckDB's reason on one line, without the excerpt and the caret under it, which only make sense in a fixed-width terminal. */
function reasonOf(message: string): string {
  const reason = message.split(/\n+LINE \d+:/, 1)[0]?.trim() ?? message;
  return reason
    .replace(/^Failed to execute SQL: (?:Failed to extract statements: )?/, '')
    .replace(/\s*\n\s*/g, ' ');
}
