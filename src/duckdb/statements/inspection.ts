import {
  type DuckDBConnection,
  type DuckDBExtractedStatements,
  type DuckDBPreparedStatement,
  DuckDBTypeId,
  StatementType,
} from '@duckdb/node-api';
import { firstLineOf, messageOf } from '../../errors/index.js';
import { bindParameters } from '../values/parameters.js';
import type { SqlParameters } from '../values/sql-values.js';
import { extractStatements, toQueryError } from './query.js';
import { castParameters, refuseOpenTransaction, scanParameterNames } from './sql-text.js';

/** What compiling a text reveals without running it. */
export interface StatementShape {
  /** Names of `$name` parameters over all statements of the text, without the dollar sign, each once. */
  readonly parameterNames: readonly string[];
}

interface InspectedShape extends StatementShape {
  /** One statement, and a SELECT. */
  readonly isPlainSelect: boolean;
  /** False if DuckDB stopped at a parameter whose type it cannot infer, without compiling the rest (DuckDB 1.5.6). */
  readonly isResolved: boolean;
}

/**
 * Compiles every statement of a text without running it. A later statement may need what an earlier one creates; its
 * catalog errors are then no proof that it is wrong, and its parameters are read from the text. Throws `query_failed`.
 */
export async function inspectStatements(
  connection: DuckDBConnection,
  sql: string,
  samples: SqlParameters = {},
): Promise<InspectedShape> {
  try {
    const cast = castParameters(sql, samples);
    const typed = cast === undefined ? undefined : await prepareOnlyStatement(connection, cast);
    if (typed !== undefined && provesOriginal(typed, sql)) return typed;
    // Without parameters both are the same text.
    const only = cast === sql ? typed : await prepareOnlyStatement(connection, sql);
    refuseOpenTransaction(sql);
    if (only === undefined) return await inspectEach(connection, sql);
    const castFails = cast !== undefined && typed === undefined;
    if (!only.isResolved || (only.isPlainSelect && castFails)) await explain(connection, sql, samples);
    return only;
  } catch (error) {
    throw toQueryError(error);
  }
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
  const shape = {
    parameterNames: [...new Set(namesOf(statement))],
    isResolved: statement.columnCount === 0 || statement.columnTypeId(0) !== DuckDBTypeId.INVALID,
    isPlainSelect: statement.statementType === StatementType.SELECT,
  };
  statement.destroySync();
  return shape;
}

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
 * invented, so converting one may fail, and no table may have the name that one is.
 */
async function explain(connection: DuckDBConnection, sql: string, samples: SqlParameters): Promise<void> {
  try {
    const statement = await connection.prepare(`EXPLAIN ${sql}`);
    if (namesOf(statement).some((name) => !Object.hasOwn(samples, name))) return;
    bindParameters(statement, samples);
    await statement.run();
  } catch (error) {
    if (isOfClass(error, 'Binder') || (isOfClass(error, 'Catalog') && !namesValue(error, samples))) throw error;
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
