/*
 * Sources of expressions for the parts of SQL text that say where its parameters are. None has a way to match a part twice:
 * texts may be long.
 */

/** A string or a quoted identifier. */
export const QUOTED = String.raw`'(?:[^']|'')*'|"(?:[^"]|"")*"`;
export const LINE_COMMENT = String.raw`--[^\n]*`;
/** What stands behind the `$` of a parameter that has a name. */
export const PARAMETER_NAME = String.raw`[A-Za-z_][\w\u0080-\uffff]*`;
