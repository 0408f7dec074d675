import { toMxcpError, toOneLine, type Problem } from '../../errors/index.js';
import type { InspectedDatabase } from '../../runtime/index.js';
import type { ResourceDefinition, SqlSource, ToolDefinition } from '../definitions/endpoint-definition.js';
import { suggestion } from '../definitions/suggestion.js';
import { toSampleParameters } from '../values/sample.js';

type CheckedDefinition = Pick<ToolDefinition | ResourceDefinition, 'parameters' | 'positions'>;

/**
 * Prepares the SQL of an endpoint without running it, and compares its parameters with the declared ones. Throws what
 * `inspect` throws when it is not the SQL that failed.
 */
export async function checkSql(
  sql: SqlSource,
  definition: CheckedDefinition,
  database: InspectedDatabase,
): Promise<Problem[]> {
  try {
    const { parameterNames } = await database.inspect(sql.text, toSampleParameters(definition.parameters));
    return compareParameters(sql, definition, parameterNames);
  } catch (thrown) {
    const error = toMxcpError(thrown);
    if (error.code !== 'query_failed') throw error;
    return [sqlProblem(sql, error.message)];
  }
}

function compareParameters(
  sql: SqlSource,
  definition: CheckedDefinition,
  used: readonly string[],
): Problem[] {
  const declared = definition.parameters.map(({ name }) => name);
  const undeclared = used
    .filter((name) => !declared.includes(name))
    .map((name) => ({
      file: sql.file,
      line: lineInFile(sql, lineOfParameter(sql.text, name)),
      message: `the SQL uses $${name}, which is not a declared parameter${suggestion(name, declared)}`,
    }));
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

/** Of a text whose lines were folded, only the first is known. `index` counts from 0. */
function lineInFile({ firstLine, keepsLines }: SqlSource, index: number): number {
  return keepsLines ? firstLine + index : firstLine;
}

function lineOfParameter(sql: string, name: string): number {
  const before = sql.split(new RegExp(`\\$${name}(?![A-Za-z0-9_])`), 1)[0] ?? '';
  return before === sql ? 0 : before.split('\n').length - 1;
}

/** DuckDB says `LINE n:` of the SQL it was given; that becomes the line of the file the SQL stands in. */
function sqlProblem(sql: SqlSource, message: string): Problem {
  const [, line = '1'] = /^LINE (\d+):/m.exec(message) ?? [];
  return {
    file: sql.file,
    line: lineInFile(sql, Number(line) - 1),
    message: `the SQL does not compile: ${reasonOf(message)}`,
  };
}

/** DuckDB's reason on one line, without the excerpt and the caret under it, which only make sense in a fixed-width terminal. */
function reasonOf(message: string): string {
  const reason = message.split(/\n+LINE \d+:/, 1)[0]?.trim() ?? message;
  return toOneLine(reason.replace(/^Failed to execute SQL: (?:Failed to extract statements: )?/, ''));
}
