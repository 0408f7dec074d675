import { LINE_COMMENT, PARAMETER_NAME, QUOTED } from './sql-tokens.js';

/**
 * Parts of SQL text in which a `$` names no parameter: strings, quoted identifiers, dollar-quoted strings and comments;
 * and, last, the parameter itself.
 */
const TOKENS = new RegExp(
  String.raw`${QUOTED}|\$([A-Za-z_]\w*)?\$[\s\S]*?\$\1\$|${LINE_COMMENT}|/\*[\s\S]*?\*/|\$(?<parameter>${PARAMETER_NAME}|\d+)`,
  'g',
);

/** The names of `$name` parameters as the text shows them, for statements that cannot be prepared yet. */
export function scanParameterNames(sql: string): readonly string[] {
  const names = [...sql.matchAll(TOKENS)].map((match) => match.groups?.['parameter']);
  return [...new Set(names.filter((name) => name !== undefined))];
}
