import {
  type DuckDBConnection,
  type DuckDBExtractedStatements,
  type DuckDBPreparedStatement,
  DuckDBTypeId,
  StatementType,
} from '@duckdb/node-api';
import { firstLineOf, messageOf } from '../../errors/index.js';
import { shapeOf, toType } from '../values/parameter-shapes.js';
import { bindParameters } from '../values/parameters.js';
import type { ParameterValue, SqlParameters } from '../values/sql-values.js';
import { extractStatements, toQueryError } from './query.js';

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

/*
 * Sources of expressions that find the parameters in SQL text. No text can match one of them in two ways, which would be
 * slow for long texts.
 */

/** A string or a quoted identifier. */
const QUOTED = String.raw`'(?:[^']|'')*'|"(?:[^"]|"")*"`;
const LINE_COMMENT = String.raw`--[^\n]*`;
/** A parameter name, without the `$`. */
const PARAMETER_NAME = String.raw`[A-Za-z_][\w\u0080-\uffff]*`;

/** Text in which a `$` names no parameter (strings, quoted identifiers, dollar-quoted strings, comments), or a parameter. */
const TEXT_OR_PARAMETER = new RegExp(
  String.raw`${QUOTED}|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|${LINE_COMMENT}|/\*[\s\S]*?\*/|\$(?<parameter>${PARAMETER_NAME}|\d+)`,
  'g',
);

/** The names of `$name` parameters in the text, for statements that cannot be prepared yet. */
export function scanParameterNames(sql: string): readonly string[] {
  const names = [...sql.matchAll(TEXT_OR_PARAMETER)].map((match) => match.groups?.['parameter']);
  return [...new Set(names.filter((name) => name !== undefined))];
}

/** Makes it hard to find the end of a string, an identifier or a comment; too rare to support. */
const INTRICATE = /[\\\r]|\/\*|\$\$|\$[A-Za-z_]\w*\$/;
/** As above without what is intricate; a `$` within an identifier begins no parameter. */
const TEXT_OR_CASTABLE = new RegExp(
  String.raw`${QUOTED}|${LINE_COMMENT}|(?<![\w$\u0080-\uffff])\$(?<parameter>${PARAMETER_NAME})`,
  'g',
);
/** Lists in which DuckDB accepts the cast of a parameter but no parameter (`ORDER BY $a`). */
const KEY_LIST = /\bBY\b|\bDISTINCT\s+ON\b/i;
const COMMENTS = new RegExp(LINE_COMMENT, 'g');
/** The text before an item of a list. */
const BEFORE_ITEM = /(?:\bBY|[,(])\s*$/i;
/** Types whose name is valid SQL: scalars, and lists of them. */
const PLAIN_TYPE = /^[A-Z ]+(?:\[\])*$/;

/**
 * The statement with each `$name` as a cast to the type of its sample, `CAST($name AS VARCHAR)`, so that DuckDB knows all
 * types without values. Undefined if that cannot be written with certainty. The caller must compare the parameter names of
 * the compiled text with those of the original: they are the same only if nothing but parameters was replaced.
 */
export function castParameters(sql: string, samples: SqlParameters): string | undefined {
  if (INTRICATE.test(sql)) return undefined;
  let isWhole = true;
  const cast = sql.replace(TEXT_OR_CASTABLE, (token, parameter: string | undefined, offset: number) => {
    if (parameter === undefined) return token;
    const type = typeNameOf(Object.hasOwn(samples, parameter) ? samples[parameter] : undefined);
    if (type === undefined || mayBeKey(sql.slice(0, offset))) isWhole = false;
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
