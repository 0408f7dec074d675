import type { InspectedDatabase } from '../../duckdb/index.js';
import { type Problem, suggestion, toMxcpError } from '../../errors/index.js';
import { type ParameterDefinition, toSampleParameters } from '../../values/index.js';
import { COMPLETED_TEXT } from '../definitions/definition-rules.js';
import { type EndpointDefinition, endpointLabel } from '../definitions/endpoint-definition.js';
import { explainSqlError } from './sql-places.js';

/** Compiles the SQL that completes the arguments of an endpoint. Throws what `inspect` throws when it is not the SQL that failed. */
export async function checkCompletions(
  definition: EndpointDefinition,
  database: InspectedDatabase,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [index, { complete }] of definition.parameters.entries())
    if (complete !== undefined) problems.push(...(await checkCompletion(complete, { definition, index, database })));
  return problems;
}

interface CheckedCompletion {
  readonly definition: EndpointDefinition;
  /** Of the parameter. */
  readonly index: number;
  readonly database: InspectedDatabase;
}

const TEXT: ParameterDefinition = { name: COMPLETED_TEXT, type: 'string' };

async function checkCompletion(
  sql: string,
  { definition, index, database }: CheckedCompletion,
): Promise<readonly Problem[]> {
  const { parameters, positions, path } = definition;
  const place = positions.key('parameters', index, 'complete');
  const declared = [...parameters.filter(({ name }) => name !== COMPLETED_TEXT), TEXT];
  const names = declared.map(({ name }) => name);
  try {
    // Only what gives rows and changes nothing can be in parentheses.
    const shape = await database.inspect(`FROM (${sql.replace(/[\s;]+$/, '')}\n)`, toSampleParameters(declared), {
      endpoint: endpointLabel(definition.kind, definition.kind === 'resource' ? definition.uri : definition.name),
    });
    const unknown = shape.parameterNames.filter((name) => !names.includes(name));
    const findings = unknown.map(
      (name) => `the SQL uses $${name}, which is not a declared parameter${suggestion(name, names)}`,
    );
    if (shape.columns !== undefined && shape.columns.length !== 1)
      findings.push(`the SQL must give one column, the values, and gives ${shape.columns.length}`);
    return findings.map((message) => ({ ...place, message }));
  } catch (thrown) {
    const error = toMxcpError(thrown);
    if (error.code !== 'query_failed') throw error;
    const source = { text: sql, file: path, lineInFile: () => place.line ?? 1, columnInFile: () => place.column };
    return [explainSqlError(source, error.message, names)];
  }
}
