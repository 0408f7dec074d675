import { isFilter, isNode, nameOf, childrenOf, nodesOf, type SyntaxNode } from './syntax-nodes.js';

/** Their time grows with what a caller sends in ways that nobody can tell before. */
const UNPREDICTABLE = new Set(['For', 'Macro', 'CallStatement', 'CallExpression']);

/**
 * Whether the time and the size of what is rendered grow no faster than the values do: nothing is repeated, and no filter
 * puts one value into another.
 */
export function isPredictable(node: SyntaxNode): boolean {
  if (UNPREDICTABLE.has(node.type)) return false;
  if (!isFilter(node)) return childrenOf(node).every(isPredictable);
  const { filter, ...rest } = node;
  return childrenOf({ ...rest, type: node.type }).every(isPredictable) && isPredictableFilter(filter);
}

/** Their arguments make nothing longer. */
const SHORTENING = new Set(['d', 'default', 'float', 'int', 'round', 'truncate']);

/** `indent(n)` and `replace(a, b)` may make much of little. */
function isPredictableFilter(filter: unknown): boolean {
  if (!isNode(filter) || filter.type === 'Identifier') return true;
  const given = nodesOf(filter['args']);
  return SHORTENING.has(nameOf(filter) ?? '')
    ? given.every(isPredictable)
    : given.every(({ type }) => type === 'StringLiteral');
}
