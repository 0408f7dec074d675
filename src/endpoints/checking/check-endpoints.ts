import type { InspectedDatabase, ResultColumn, ResultType } from '../../duckdb/index.js';
import { formatProblem, type Problem, type SourcePosition, suggestion, toMxcpError } from '../../errors/index.js';
import { checkCompletions } from './check-completions.js';
import { explainSqlError, findInSql, findSlip, placeOf } from './sql-places.js';
import type { PythonTarget, PythonWorkers, ResourcePattern } from '../../python/index.js';
import { toSampleParameters, type TypeDefinition } from '../../values/index.js';
import {
  type EndpointCatalog,
  type EndpointDefinition,
  type EndpointFailure,
  endpointLabel,
  type ResourceDefinition,
  type SqlSource,
  type ToolDefinition,
} from '../definitions/endpoint-definition.js';
import { UriTemplate } from '../definitions/uri-template.js';

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
  const pending = catalog.endpoints.filter(isCheckable).values();
  const failures: EndpointFailure[] = [];
  const checkPending = async (): Promise<void> => {
    for (const definition of pending) {
      const problems = [
        ...(definition.kind === 'prompt' ? [] : await checkDefinition(definition, contents)),
        ...(hasCompletions(definition) ? await checkCompletions(definition, contents.database) : []),
      ];
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
    const shape = await database.inspect(sql.text, toSampleParameters(definition.parameters), {
      // Read only where tables have rules.
      get endpoint() {
        return endpointLabel(definition.kind, definition.kind === 'resource' ? definition.uri : definition.name);
      },
    });
    if (shape.isRefusedWrite === true) return [writeProblem(sql)];
    if (shape.comparedLists !== undefined) return shape.comparedLists.map((name) => comparedListProblem(sql, name));
    return [
      ...compareParameters(sql, definition, shape.parameterNames),
      ...compareResult(definition, shape.columns),
      ...compareRules(definition, shape.columns),
    ];
  } catch (thrown) {
    const error = toMxcpError(thrown);
    if (error.code === 'policy_denied') return [{ ...placeOf(sql, 0), message: error.message }];
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

/** The resources of a catalog, the more specific template first, as Python code may name them. */
export function findResourcePatterns({ endpoints }: EndpointCatalog): readonly ResourcePattern[] {
  const resources = endpoints.filter((endpoint) => endpoint.kind === 'resource');
  return resources
    .map(({ uri }) => new UriTemplate(uri))
    .sort(UriTemplate.bySpecificity)
    .map(({ text: uri, isTemplate, pattern }) => ({ uri, pattern: isTemplate ? pattern : null }));
}

/** A prompt runs no SQL of its own. */
function isCheckable(definition: EndpointDefinition): boolean {
  return definition.kind !== 'prompt' || hasCompletions(definition);
}

function hasCompletions({ parameters }: EndpointDefinition): boolean {
  return parameters.some(({ complete }) => complete !== undefined);
}

/** Compares the parameters that the SQL uses with those that its endpoint declares. */
function compareParameters(
  sql: SqlSource,
  definition: ToolDefinition | ResourceDefinition,
  used: readonly string[],
): Problem[] {
  const declared = definition.parameters.map(({ name }) => name);
  const positional = used.filter((name) => /^\d+$/.test(name));
  if (positional.length > 0) {
    const [example = 'name'] = declared;
    return [{ ...findInSql(sql, /\?|\$\d/), message: `parameters have names; write $${example} instead of ? or $1` }];
  }
  const undeclared = used
    .filter((name) => !declared.includes(name))
    .map((name) => ({
      ...findInSql(sql, new RegExp(`\\$${name}(?!\\w)`)),
      message: `the SQL uses $${name}, which is not a declared parameter${suggestion(name, declared)}`,
    }));
  const unused = definition.parameters.flatMap(({ name }, index) =>
    used.includes(name) ? [] : [explainUnused(sql, name, definition.positions.parameter(index))],
  );
  return [...undeclared, ...unused];
}

function comparedListProblem(sql: SqlSource, name: string): Problem {
  const message = `$${name} is a list, and IN ($${name}) compares with the list itself; write IN $${name}, or list_contains($${name}, …)`;
  return { ...findInSql(sql, new RegExp(`\\$${name}(?!\\w)`)), message };
}

function writeProblem(sql: SqlSource): Problem {
  const message = 'the SQL changes the database, which is open read-only; open it read-write, or remove the endpoint';
  return { ...placeOf(sql, 0), message };
}

/**
 * Finds columns that can never be what `return` declares. Types that DuckDB does not know before a call are left out, as are
 * columns that may be of the declared type: a BIGINT beyond what a double holds is text.
 */
function compareResult(
  { returns, positions }: ToolDefinition | ResourceDefinition,
  columns: readonly ResultColumn[] | undefined,
): Problem[] {
  if (returns === undefined || columns === undefined) return [];
  return [...resultMismatches(returns, columns)].map(({ at, message }) => ({ ...positions.key(...at), message }));
}

/** A rule for a field that the SQL does not return protects nothing: the field that was meant has another name. */
function compareRules(
  { policies, positions }: ToolDefinition | ResourceDefinition,
  columns: readonly ResultColumn[] | undefined,
): Problem[] {
  if (policies === undefined || columns === undefined) return [];
  const names = columns.map(({ name }) => name);
  if (!names.every(isFinalName)) return [];
  const known = new Set(names.map((name) => name.toLowerCase()));
  return policies.rules.flatMap(({ direction, index, action, fields }) =>
    fields.flatMap((field, at) => {
      if (action === 'deny' || action === 'filter_sensitive_fields' || known.has(field.toLowerCase())) return [];
      const message = `\`${action}\` names "${field}", but the SQL returns no such column${suggestion(field, names)}`;
      return [{ ...positions.key('policies', direction, index, 'fields', at), message }];
    }),
  );
}

/** The name of an expression that has a parameter is another one while its type is not known. */
function isFinalName(name: string): boolean {
  return !name.includes('CAST(');
}

interface Mismatch {
  /** The keys below the endpoint that lead to the declared type. */
  readonly at: readonly string[];
  readonly message: string;
}

function* resultMismatches(returns: TypeDefinition, columns: readonly ResultColumn[]): Generator<Mismatch> {
  const isList = returns.type === 'array';
  const row = isList ? returns.items : returns;
  const at = isList ? ['return', 'items'] : ['return'];
  if (row === undefined) return;
  if (row.type === 'object') return yield* memberMismatches({ declared: row, at, path: '' }, columns);
  if (isList) yield { at, message: `each row of SQL is an object, but \`return.items\` is ${row.type}` };
  const [column, ...others] = columns;
  if (!isList && others.length > 0) {
    const names = columns.map(({ name }) => name).join(', ');
    const message = `\`return\` is ${row.type}, which is one column, but the SQL gives ${columns.length}: ${names}`;
    yield { at, message };
  } else if (!isList && column !== undefined) yield* typeMismatches({ declared: row, at, path: column.name }, column);
}

/** A declared type with its place in the endpoint file and in the result. */
interface Declared {
  readonly declared: TypeDefinition;
  readonly at: readonly string[];
  readonly path: string;
}

function* memberMismatches(
  { declared: { properties = {}, required = [], additionalProperties }, at, path }: Declared,
  members: readonly ResultColumn[],
): Generator<Mismatch> {
  const names = members.map(({ name }) => name);
  const isNamed = names.every(isFinalName);
  const missing = isNamed ? required.filter((name) => !names.includes(name)) : [];
  for (const name of missing) {
    const message = `"${path}${name}" is required, but the SQL returns no such column${suggestion(name, names)}`;
    yield { at: [...at, 'required'], message };
  }
  for (const member of members) {
    const found = Object.hasOwn(properties, member.name) ? properties[member.name] : undefined;
    const place = `${path}${member.name}`;
    if (found !== undefined)
      yield* typeMismatches({ declared: found, at: [...at, 'properties', member.name], path: place }, member);
    else if (isNamed && additionalProperties === false) {
      const message = `the SQL returns "${place}", which is not in \`properties\`, and \`additionalProperties\` is false`;
      yield { at, message };
    }
  }
}

function* typeMismatches({ declared, at, path }: Declared, found: ResultType): Generator<Mismatch> {
  const { type, items } = declared;
  const isPossible = found.json?.some((json) => json === type || (type === 'number' && json === 'integer')) ?? true;
  if (!isPossible) {
    const remedy = `write \`type: ${found.json?.[0]}\`, or cast it in the SQL`;
    yield { at, message: `"${path}" is ${type} in \`return\`, but ${found.sql} in SQL; ${remedy}` };
  } else if (type === 'object' && found.members !== undefined)
    yield* memberMismatches({ declared, at, path: `${path}.` }, found.members);
  else if (type === 'array' && items !== undefined && found.item !== undefined)
    yield* typeMismatches({ declared: items, at: [...at, 'items'], path: `${path}[]` }, found.item);
}

function explainUnused(sql: SqlSource, name: string, declaredAt: SourcePosition): Problem {
  const quoted = new RegExp(`'[^'\\n]*\\$${name}(?!\\w)[^'\\n]*'`);
  if (quoted.test(sql.text)) {
    const advice = `write $${name} without quotes, and join it to other text with ||`;
    return { ...findInSql(sql, quoted), message: `$${name} is text between quotes, not a parameter; ${advice}` };
  }
  const slip = findSlip(sql.text, [name]);
  if (slip !== undefined) return { ...findInSql(sql, slip.text), message: slip.advice };
  return { ...declaredAt, message: `parameter "${name}" is not used by the SQL; use $${name} or remove the parameter` };
}
