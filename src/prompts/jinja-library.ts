import * as library from '@huggingface/jinja';

/*
 * The types of what is used of the library: its own declarations name files without their endings, so that under the module
 * resolution of Node everything in them is of no type at all (0.5.11).
 */

/** A value while a template is rendered. */
export interface RuntimeValue {
  readonly type: string;
  readonly value: RuntimeContents;
  toString(): string;
}

type RuntimeContents =
  | undefined
  | null
  | string
  | number
  | boolean
  | readonly RuntimeValue[]
  | ReadonlyMap<string, RuntimeValue>
  | (() => unknown);

/** Variables and functions. Throws when a name that it has is set. */
export interface Environment {
  readonly variables: Map<string, unknown>;
  set(name: string, value: unknown): RuntimeValue;
  setVariable(name: string, value: RuntimeValue): RuntimeValue;
}

interface Interpreter {
  evaluate(node: SyntaxNode | undefined, environment: Environment): RuntimeValue;
}

/** Line ends and spaces around blocks are kept, as Jinja2 does unless told otherwise. Throws what the library throws. */
export function parseTemplate(text: string): SyntaxNode {
  return library.parse(library.tokenize(text, { lstrip_blocks: false, trim_blocks: false }));
}

export const JinjaEnvironment: new (parent?: Environment) => Environment = library.Environment;
export const JinjaInterpreter: new (environment: Environment) => Interpreter = library.Interpreter;

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
