import {
  DuckDBArrayType,
  type DuckDBConnection,
  type DuckDBExtractedStatements,
  DuckDBListType,
  type DuckDBPreparedStatement,
  DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId,
  StatementType,
} from '@duckdb/node-api';
import { firstLineOf, messageOf } from '../../errors/index.js';
import { bindParameters } from '../values/parameters.js';
import { type SqlParameters, toUniqueNames } from '../values/sql-values.js';
import { isUnnamed } from '../values/chunk-columns.js';
import { extractStatements, toQueryError } from './query.js';
import { castParameters, refuseOpenTransaction, scanParameterNames } from './sql-text.js';

/** What compiling a text reveals without running it. */
export interface StatementShape {
  /** Names of `$name` parameters over all statements of the text, without the dollar sign, each once. */
  readonly parameterNames: readonly string[];
  /** The columns of a single SELECT; undefined if DuckDB does not know them before it has values for the parameters. */
  readonly columns?: readonly ResultColumn[] | undefined;
  /** Lists that are compared with a single value, as in `name IN ($names)`, which fails in every call. */
  readonly comparedLists?: readonly string[] | undefined;
  /** Whether the statement changes the database, which is open read-only. */
  readonly isRefusedWrite?: boolean | undefined;
}

/** The types of JSON that values have. */
export type JsonType = 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object';

/** A type of SQL as results show it. */
export interface ResultType {
  /** Its name in SQL. */
  readonly sql: string;
  /** What its values may be apart from null; undefined if that depends on the value. */
  readonly json: readonly JsonType[] | undefined;
  readonly item?: ResultType | undefined;
  /** The fields of a STRUCT. */
  readonly members?: readonly ResultColumn[] | undefined;
}

export interface ResultColumn extends ResultType {
  readonly name: string;
}

interface InspectedShape extends StatementShape {
  /** One statement, and a SELECT. */
  readonly isPlainSelect: boolean;
  /** False if DuckDB stopped at a parameter whose type it cannot infer, without compiling the rest (DuckDB 1.5.6). */
  readonly isResolved: boolean;
}

/** Where a text is compiled. */
interface InspectionPlace {
  readonly connection: DuckDBConnection;
  /** Without a transaction, because an `EXPLAIN` that fails may abort it (DuckDB 1.5.6). */
  readonly explaining: DuckDBConnection;
}

/**
 * Compiles every statement of a text without running it. A later statement may need what an earlier one creates; its
 * catalog errors are then no proof that it is wrong, and its parameters are read from the text. Throws `query_failed`.
 */
export async function inspectStatements(
  { connection, explaining }: InspectionPlace,
  sql: string,
  samples: SqlParameters = {},
): Promise<InspectedShape> {
  try {
    const cast = castParameters(sql, samples);
    const typed = cast === undefined ? undefined : await prepareOnlyStatement(connection, cast);
    const comparedLists = await findComparedLists(connection, sql, samples);
    if (comparedLists !== undefined) return { ...NOTHING, comparedLists };
    if (typed !== undefined && provesOriginal(typed, sql)) return typed;
    // Without parameters both are the same text.
    const only = cast === sql ? typed : await prepareOnlyStatement(connection, sql);
    refuseOpenTransaction(sql);
    if (only === undefined) return await inspectEach(connection, sql);
    const castFails = cast !== undefined && typed === undefined;
    if (only.isResolved && only.isPlainSelect && !castFails) return only;
    return { ...only, isRefusedWrite: await explain(explaining, sql, samples) };
  } catch (error) {
    throw toQueryError(error);
  }
}

const NOTHING = { parameterNames: [], isPlainSelect: false, isResolved: false };
const LIST_IN_PARENTHESES = /\bIN\s*\(\s*\$(\w+)\s*\)/gi;

/** Undefined if there are none. DuckDB converts such a list only when it runs, and then refuses (1.5.6). */
async function findComparedLists(
  connection: DuckDBConnection,
  sql: string,
  samples: SqlParameters,
): Promise<readonly string[] | undefined> {
  const names = [...sql.matchAll(LIST_IN_PARENTHESES)].map(([, name = '']) => name);
  const lists = names.filter((name) => Object.hasOwn(samples, name) && Array.isArray(samples[name]));
  if (lists.length === 0) return undefined;
  try {
    const statement = await connection.prepare(sql);
    const compared = lists.filter((name) => isSingleValue(statement.parameterType(statement.parameterIndex(name))));
    statement.destroySync();
    return compared.length === 0 ? undefined : compared;
  } catch {
    // Not one statement, or one without a type for the parameter.
    return undefined;
  }
}

function isSingleValue(type: DuckDBType): boolean {
  return JSON_TYPES[type.typeId] !== undefined && type.typeId !== DuckDBTypeId.MAP;
}

/**
 * Whether a SELECT that compiles completely with each parameter cast to the type of its value proves that the statement as it
 * is written is right: a quarter of the work of `explain`, and enough for most of a thousand endpoints. A cast fits in fewer
 * places than a value does, wherever `castParameters` writes one. The same names prove that only parameters were replaced.
 */
function provesOriginal({ isPlainSelect, isResolved, parameterNames }: InspectedShape, sql: string): boolean {
  const sorted = (names: readonly string[]): string => [...names].sort().join();
  return isPlainSelect && isResolved && sorted(parameterNames) === sorted(scanParameterNames(sql));
}

/**
 * Undefined if the text has several statements, or none, or is wrong. Finding out which costs a second parsing, which a
 * thousand endpoints of one good statement each avoid; `inspectEach` does it and reports the error.
 */
async function prepareOnlyStatement(connection: DuckDBConnection, sql: string): Promise<InspectedShape | undefined> {
  try {
    return toShape(await connection.prepare(sql));
  } catch {
    return undefined;
  }
}

/** Frees the statement. */
function toShape(statement: DuckDBPreparedStatement): InspectedShape {
  const isResolved = statement.columnCount === 0 || statement.columnTypeId(0) !== DuckDBTypeId.INVALID;
  const isPlainSelect = statement.statementType === StatementType.SELECT;
  const shape = {
    parameterNames: [...new Set(namesOf(statement))],
    columns: isResolved && isPlainSelect ? columnsOf(statement) : undefined,
    isResolved,
    isPlainSelect,
  };
  statement.destroySync();
  return shape;
}

function columnsOf(statement: DuckDBPreparedStatement): readonly ResultColumn[] {
  const indexes = Array.from({ length: statement.columnCount }, (_, at) => at);
  const names = toUniqueNames(indexes.map((at) => statement.columnName(at)));
  return indexes.map((at) => ({ name: names[at] ?? '', ...toResultType(statement.columnType(at)) }));
}

function toResultType(type: DuckDBType): ResultType {
  const sql = String(type);
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType)
    return { sql, json: ['array'], item: toResultType(type.valueType) };
  if (type instanceof DuckDBStructType) {
    if (isUnnamed(type)) return { sql, json: ['array'] };
    const types = type.entryTypes.map((each) => toResultType(each));
    const members = type.entryNames.flatMap((name, at) => (types[at] === undefined ? [] : [{ name, ...types[at] }]));
    return { sql, json: ['object'], members };
  }
  return { sql, json: type.alias === 'JSON' ? undefined : JSON_TYPES[type.typeId] };
}

const TEXT = ['string'] as const;
const SMALL = ['integer'] as const;
/** Values beyond what a double holds are text. */
const LARGE = ['integer', 'string'] as const;
const DECIMALS = ['number', 'integer', 'string'] as const;
const DOUBLES = ['number', 'integer'] as const;

/** INTEGER is not among them: it is also the type of NULL, of an empty list, and of what a view makes of them (DuckDB 1.5.6). */
const JSON_TYPES: Readonly<Partial<Record<DuckDBTypeId, readonly JsonType[]>>> = {
  [DuckDBTypeId.BOOLEAN]: ['boolean'],
  [DuckDBTypeId.TINYINT]: SMALL,
  [DuckDBTypeId.SMALLINT]: SMALL,
  [DuckDBTypeId.UTINYINT]: SMALL,
  [DuckDBTypeId.USMALLINT]: SMALL,
  [DuckDBTypeId.UINTEGER]: SMALL,
  [DuckDBTypeId.BIGINT]: LARGE,
  [DuckDBTypeId.UBIGINT]: LARGE,
  [DuckDBTypeId.HUGEINT]: LARGE,
  [DuckDBTypeId.UHUGEINT]: LARGE,
  [DuckDBTypeId.DECIMAL]: DECIMALS,
  [DuckDBTypeId.FLOAT]: DOUBLES,
  [DuckDBTypeId.DOUBLE]: DOUBLES,
  // Text is read as JSON where a list or an object is declared.
  [DuckDBTypeId.VARCHAR]: ['string', 'array', 'object'],
  [DuckDBTypeId.ENUM]: TEXT,
  [DuckDBTypeId.UUID]: TEXT,
  [DuckDBTypeId.DATE]: TEXT,
  [DuckDBTypeId.TIME]: TEXT,
  [DuckDBTypeId.TIME_TZ]: TEXT,
  [DuckDBTypeId.TIMESTAMP]: TEXT,
  [DuckDBTypeId.TIMESTAMP_TZ]: TEXT,
  [DuckDBTypeId.INTERVAL]: TEXT,
  [DuckDBTypeId.MAP]: ['object'],
};

function namesOf(statement: DuckDBPreparedStatement): readonly string[] {
  return Array.from({ length: statement.parameterCount }, (_, at) => statement.parameterName(at + 1));
}

async function inspectEach(connection: DuckDBConnection, sql: string): Promise<InspectedShape> {
  const names = new Set<string>();
  const statements = await extractStatements(connection, sql);
  for (let index = 0; index < statements.count; index += 1) {
    const prepared = await prepare(statements, index);
    for (const name of prepared?.parameterNames ?? scanParameterNames(sql)) names.add(name);
  }
  return { parameterNames: [...names], isPlainSelect: false, isResolved: true };
}

async function prepare(statements: DuckDBExtractedStatements, index: number): Promise<InspectedShape | undefined> {
  try {
    return toShape(await statements.prepare(index));
  } catch (error) {
    if (index > 0 && isOfClass(error, 'Catalog')) return undefined;
    throw error;
  }
}

/**
 * Compiles a statement completely, with a value for each parameter. Only errors of the statement itself count: the values are
 * invented, so converting one may fail, and no table may have the name that one is. Returns whether DuckDB refuses to run it,
 * because it changes a database that is open read-only.
 */
async function explain(connection: DuckDBConnection, sql: string, samples: SqlParameters): Promise<boolean> {
  try {
    const statement = await connection.prepare(`EXPLAIN ${sql}`);
    if (namesOf(statement).some((name) => !Object.hasOwn(samples, name))) return false;
    bindParameters(statement, samples);
    await statement.run();
    return false;
  } catch (error) {
    if (messageOf(error).includes('attached in read-only mode')) return true;
    if (isOfClass(error, 'Binder') || (isOfClass(error, 'Catalog') && !namesValue(error, samples))) throw error;
    return false;
  }
}

/** DuckDB's errors have no code; the class of an error is the start of its message (DuckDB 1.5.6). */
function isOfClass(error: unknown, errorClass: 'Binder' | 'Catalog'): boolean {
  return messageOf(error).startsWith(`${errorClass} Error`);
}

function namesValue(error: unknown, samples: SqlParameters): boolean {
  const firstLine = firstLineOf(messageOf(error));
  return Object.values(samples).some((value) => typeof value === 'string' && firstLine.includes(` ${value} `));
}
