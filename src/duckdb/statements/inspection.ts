import {
  type DuckDBConnection,
  type DuckDBExtractedStatements,
  type DuckDBPreparedStatement,
  DuckDBTypeId,
  StatementType,
} from '@duckdb/node-api';
import { firstLineOf, messageOf } from '../../errors/index.js';
import { bindParameters, shapeOf, toType } from '../values/parameters.js';
import type { ParameterValue } from '../values/sql-values.js';
import { isBinderError, isCatalogError, toQueryError } from './duckdb-errors.js';
import { extractStatements, type StatementShape } from './query.js';

/*
 * Sources of expressions for the parts of SQL text that say where its parameters are. None has a way to match a part twice:
 * texts may be long.
 */

/** A string or a quoted identifier. */
export const QUOTED = String.raw`'(?:[^']|'')*'|"(?:[^"]|"")*"`;
export const LINE_COMMENT = String.raw`--[^\n]*`;
/** What stands behind the `$` of a parameter that has a name. */
export const PARAMETER_NAME = String.raw`[A-Za-z_][\w\u0080-\uffff]*`;

/**
 * Parts of SQL text in which a `$` names no parameter: strings, quoted identifiers, dollar-quoted strings and comments;
 * and, last, the parameter itself.
 */
const SCANNED_TOKENS = new RegExp(
  String.raw`${QUOTED}|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|${LINE_COMMENT}|/\*[\s\S]*?\*/|\$(?<parameter>${PARAMETER_NAME}|\d+)`,
  'g',
);

/** The names of `$name` parameters as the text shows them, for statements that cannot be prepared yet. */
export function scanParameterNames(sql: string): readonly string[] {
  const names = [...sql.matchAll(SCANNED_TOKENS)].map((match) => match.groups?.['parameter']);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** What makes it hard to tell where a string, an identifier or a comment ends; rare enough to be left alone. */
const INTRICATE = /[\\\r]|\/\*|\$\$|\$[A-Za-z_]\w*\$/;
/** Strings, quoted identifiers, comments, and last a parameter, unless its `$` is within an identifier. */
const CAST_TOKENS = new RegExp(
  String.raw`${QUOTED}|${LINE_COMMENT}|(?<![\w$\u0080-\uffff])\$(?<parameter>${PARAMETER_NAME})`,
  'g',
);
/** Lists in which DuckDB takes no parameter (`ORDER BY $a`), but the cast of one. */
const KEY_LIST = /\bBY\b|\bDISTINCT\s+ON\b/i;
const COMMENTS = new RegExp(LINE_COMMENT, 'g');
/** What stands before an item of a list. */
const BEFORE_ITEM = /(?:\bBY|[,(])\s*$/i;
/** Types whose name can stand in SQL as it is: scalars, and lists of them. */
const PLAIN_TYPE = /^[A-Z ]+(?:\[\])*$/;

/**
 * The statement with each `$name` as a cast to the type of its sample, `CAST($name AS VARCHAR)`, so that DuckDB knows all
 * types without values. Undefined when that cannot be written without a doubt. Whoever compiles it compares the names of its
 * parameters with those in the original: they are the same only when parameters alone were replaced.
 */
export function castParameters(
  sql: string,
  samples: Readonly<Record<string, ParameterValue>>,
): string | undefined {
  if (INTRICATE.test(sql)) return undefined;
  let isWhole = true;
  const cast = sql.replace(CAST_TOKENS, (token, parameter: string | undefined, offset: number) => {
    if (parameter === undefined) return token;
    if (mayBeKey(sql.slice(0, offset))) isWhole = false;
    const type = typeNameOf(Object.hasOwn(samples, parameter) ? samples[parameter] : undefined);
    if (type === undefined) isWhole = false;
    return `CAST(${token} AS ${type})`;
  });
  return isWhole ? cast : undefined;
}

function mayBeKey(before: string): boolean {
  return KEY_LIST.test(before) && BEFORE_ITEM.test(before.replaceAll(COMMENTS, ''));
}

function typeNameOf(sample: ParameterValue | undefined): string | undefined {
  if (sample === undefined || sample === null) return undefined;
  const name = toType(shapeOf(sample)).toString();
  return PLAIN_TYPE.test(name) ? name : undefined;
}

export interface InspectedStatements extends StatementShape {
  /** One statement, and a SELECT. */
  readonly isPlainSelect: boolean;
}

/**
 * Compiles every statement of a text without running it. A later statement may need what an earlier one creates; its
 * catalog errors are then no proof that it is wrong, and its parameters are read from the text. Throws `query_failed`.
 */
export async function inspectStatements(
  connection: DuckDBConnection,
  sql: string,
  samples: Readonly<Record<string, ParameterValue>> = {},
): Promise<InspectedStatements> {
  try {
    const cast = castParameters(sql, samples);
    const typed = cast === undefined ? undefined : await prepareOnlyStatement(connection, cast);
    if (typed !== undefined && provesOriginal(typed, sql)) return toInspected(typed);
    // Without parameters both are the same text.
    const only = cast === sql ? typed : await prepareOnlyStatement(connection, sql);
    if (only === undefined) return await inspectEach(connection, sql, samples);
    const castFails = cast !== undefined && typed === undefined;
    if (!only.isResolved || (only.isSelect && castFails)) await explain(connection, sql, samples);
    return toInspected(only);
  } catch (error) {
    throw toQueryError(error);
  }
}

function toInspected({ parameterNames, isSelect }: PreparedShape): InspectedStatements {
  return { parameterNames: [...new Set(parameterNames)], isPlainSelect: isSelect };
}

/**
 * Whether one SELECT, compiled to its end with each parameter cast to the type that its value will have, says all there is
 * to say about the statement as it is written: a quarter of the work of `explain`, and enough for most of a thousand
 * endpoints. Where `castParameters` writes casts, they fit in fewer places than values do. The same names say that nothing
 * but parameters was replaced.
 */
function provesOriginal(typed: PreparedShape, sql: string): boolean {
  return (
    typed.isSelect && typed.isResolved && sorted(typed.parameterNames) === sorted(scanParameterNames(sql))
  );
}

function sorted(names: readonly string[]): string {
  return [...new Set(names)].sort().join();
}

/**
 * Undefined when there are several statements, or none, or the one is wrong. Which of them it is costs a second parsing,
 * which a thousand endpoints of one good statement each do without; `inspectEach` tells, with the words that belong to it.
 */
async function prepareOnlyStatement(
  connection: DuckDBConnection,
  sql: string,
): Promise<PreparedShape | undefined> {
  try {
    return toShape(await connection.prepare(sql));
  } catch {
    return undefined;
  }
}

async function inspectEach(
  connection: DuckDBConnection,
  sql: string,
  samples: Readonly<Record<string, ParameterValue>>,
): Promise<InspectedStatements> {
  const names = new Set<string>();
  let isPlainSelect = false;
  const statements = await extractStatements(connection, sql);
  for (let index = 0; index < statements.count; index += 1) {
    const prepared = await prepare(statements, index);
    for (const name of prepared?.parameterNames ?? scanParameterNames(sql)) names.add(name);
    isPlainSelect = statements.count === 1 && prepared?.isSelect === true;
    if (prepared?.isResolved === false && statements.count === 1) await explain(connection, sql, samples);
  }
  return { parameterNames: [...names], isPlainSelect };
}

interface PreparedShape {
  readonly isSelect: boolean;
  readonly parameterNames: readonly string[];
  /**
   * False when DuckDB stopped compiling at a parameter whose type it cannot tell; what stands behind it was not looked at
   * (DuckDB 1.5.6).
   */
  readonly isResolved: boolean;
}

async function prepare(
  statements: DuckDBExtractedStatements,
  index: number,
): Promise<PreparedShape | undefined> {
  try {
    return toShape(await statements.prepare(index));
  } catch (error) {
    if (index > 0 && isCatalogError(error)) return undefined;
    throw error;
  }
}

/** Frees the statement. */
function toShape(statement: DuckDBPreparedStatement): PreparedShape {
  const shape = {
    parameterNames: namesOf(statement),
    isResolved: isResolved(statement),
    isSelect: statement.statementType === StatementType.SELECT,
  };
  statement.destroySync();
  return shape;
}

function namesOf(statement: DuckDBPreparedStatement): readonly string[] {
  return Array.from({ length: statement.parameterCount }, (_, at) => statement.parameterName(at + 1));
}

function isResolved(statement: DuckDBPreparedStatement): boolean {
  return statement.columnCount === 0 || statement.columnTypeId(0) !== DuckDBTypeId.INVALID;
}

/**
 * Compiles a statement to its end with a value for each parameter. Only what is wrong with the statement itself counts: the
 * values are made up, so a conversion of one may fail, and no table may have the name that one is.
 */
async function explain(
  connection: DuckDBConnection,
  sql: string,
  samples: Readonly<Record<string, ParameterValue>>,
): Promise<void> {
  try {
    const statement = await connection.prepare(`EXPLAIN ${sql}`);
    if (namesOf(statement).some((name) => !Object.hasOwn(samples, name))) return;
    bindParameters(statement, samples);
    await statement.run();
  } catch (error) {
    if (isBinderError(error) || (isCatalogError(error) && !namesValue(error, samples))) throw error;
  }
}

function namesValue(error: unknown, samples: Readonly<Record<string, ParameterValue>>): boolean {
  const firstLine = firstLineOf(messageOf(error));
  return Object.values(samples).some(
    (value) => typeof value === 'string' && firstLine.includes(` ${value} `),
  );
}
