/** A node of a parsed template. The parser exports no types for the single kinds. */
export interface SyntaxNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** The nodes that a field of a node holds: itself, in a list, or as keys and values of a mapping. */
export function nodesOf(value: unknown): readonly SyntaxNode[] {
  if (Array.isArray(value)) return value.flatMap(nodesOf);
  if (value instanceof Map) return [...value].flatMap(nodesOf);
  return isNode(value) ? [value] : [];
}

/** The nodes directly below a node. An operator looks like one and is none. */
export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  return Object.entries(node).flatMap(([field, value]) => (field === 'operator' ? [] : nodesOf(value)));
}

/** The name of `x` in `x` and in `x(…)`, as filters are written. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'CallExpression') return nameOf(node['callee']);
  return node.type === 'Identifier' ? String(node['value']) : undefined;
}

export function isFilter({ type }: SyntaxNode): boolean {
  return type === 'FilterExpression' || type === 'FilterStatement';
}
