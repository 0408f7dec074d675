import { isNode, nameOf, nodesOf, type SyntaxNode } from './syntax-nodes.js';

/** A filter and what it is used on. */
export interface FilterUse {
  readonly name: string;
  readonly operand: SyntaxNode;
  /** What stands in brackets behind the name; nothing without brackets. */
  readonly given: readonly SyntaxNode[] | undefined;
}

/** Jinja2 makes a text of whatever these are used on; the library takes only texts. */
export const TAKES_TEXT: ReadonlySet<string> = new Set(['indent', 'lower', 'replace', 'trim', 'upper']);

/** Other names for filters of the library. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['count', 'length'],
  ['d', 'default'],
]);

/** Of an expression `x | filter`, or of a block `{% filter … %}`, whose text is filtered. */
export function toFilterUse({ operand, body, filter }: SyntaxNode): FilterUse {
  return {
    name: nameOf(filter) ?? '',
    operand: isNode(operand) ? operand : { type: 'Program', body },
    given: argumentsOf(filter),
  };
}

export function argumentsOf(node: unknown): readonly SyntaxNode[] | undefined {
  return isNode(node) && node.type === 'CallExpression' ? nodesOf(node['args']) : undefined;
}

/** As the library knows it, which knows `default` with brackets only. */
export function toLibraryFilter({ name, given }: FilterUse, operand: SyntaxNode): SyntaxNode {
  const known = ALIASES.get(name) ?? name;
  const callee = { type: 'Identifier', value: known };
  const args = given ?? (known === 'default' ? [] : undefined);
  const filter = args === undefined ? callee : { type: 'CallExpression', callee, args };
  return { type: 'FilterExpression', operand, filter };
}

/** The parameter that an argument is for; undefined when the filter does not take it. */
export function parameterOf(
  { type, key }: SyntaxNode,
  index: number,
  parameters: readonly string[],
): string | undefined {
  const name = type === 'KeywordArgumentExpression' ? nameOf(key) : parameters[index];
  return name !== undefined && parameters.includes(name) && !type.includes('Spread') ? name : undefined;
}

/** What was given by position or by name; what the filter does not take was refused when the template was checked. */
export function nameArguments(
  { given = [] }: FilterUse,
  parameters: readonly string[],
): readonly (readonly [string, SyntaxNode])[] {
  return given.flatMap((node, index) => {
    const name = parameterOf(node, index, parameters);
    const value = node.type === 'KeywordArgumentExpression' ? node['value'] : node;
    return name !== undefined && isNode(value) ? [[name, value] as const] : [];
  });
}
