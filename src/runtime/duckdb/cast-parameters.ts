import type { ParameterValue } from './sql-values.js';
import { shapeOf, toType } from './parameter-shape.js';
import { LINE_COMMENT, PARAMETER_NAME, QUOTED } from './sql-tokens.js';

/** What makes it hard to tell where a string, an identifier or a comment ends; rare enough to be left alone. */
const INTRICATE = /[\\\r]|\/\*|\$\$|\$[A-Za-z_]\w*\$/;
/** Strings, quoted identifiers, comments, and last a parameter, unless its `$` is within an identifier. */
const TOKENS = new RegExp(
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
  const cast = sql.replace(TOKENS, (token, parameter: string | undefined, offset: number) => {
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
