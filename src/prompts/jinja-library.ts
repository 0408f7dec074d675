import * as library from '@huggingface/jinja';

/*
 * What mxcp uses of the library, with types: the library's own declarations name files without extensions, so everything in
 * them is `any` under Node's module resolution (0.5.11).
 */

/** A value while a template is rendered. */
export interface RuntimeValue {
  readonly type: string;
  readonly value:
    | undefined
    | null
    | string
    | number
    | boolean
    | readonly RuntimeValue[]
    | ReadonlyMap<string, RuntimeValue>
    | ((args: readonly RuntimeValue[]) => RuntimeValue);
  toString(): string;
}

/** The variables and functions of a template. */
interface Environment {
  readonly variables: Map<string, RuntimeValue>;
  /** Throws for a name that is already set. */
  set(name: string, value: unknown): RuntimeValue;
}

interface Interpreter {
  run(program: SyntaxNode): RuntimeValue;
}

export const JinjaEnvironment: new () => Environment = library.Environment;
export const JinjaInterpreter: new (environment: Environment) => Interpreter = library.Interpreter;

export function toRuntimeValue(value: unknown): RuntimeValue {
  return new JinjaEnvironment().set('value', value);
}

/** The library exports none of its value classes. */
function classOf<T>(example: unknown): new (value: T) => RuntimeValue {
  // Every class of values has a constructor with one parameter: the value.
  return toRuntimeValue(example).constructor as new (
    value: T,
  ) => RuntimeValue;
}

export const FloatValue = classOf<number>(0.5);
export const FunctionValue = classOf<(args: readonly (RuntimeValue | undefined)[]) => RuntimeValue>(() => null);

/** A node of a parsed template. The library exports no types for its kinds of nodes. */
export interface SyntaxNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Keeps line ends and spaces around blocks, as Jinja2 does by default. Throws the errors of the library, which have no position. */
export function parseTemplate(text: string): SyntaxNode {
  return library.parse(library.tokenize(text, { lstrip_blocks: false, trim_blocks: false }));
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}

/** The nodes in a field of a node, which may be a node, a list, or a mapping of nodes. */
export function nodesOf(value: unknown): readonly SyntaxNode[] {
  if (Array.isArray(value)) return value.flatMap(nodesOf);
  if (value instanceof Map) return [...value].flatMap(nodesOf);
  return isNode(value) ? [value] : [];
}

/** `x` of `x` and of `x(…)`, the two ways to write a filter. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === 'CallExpression') return nameOf(node['callee']);
  return node.type === 'Identifier' ? String(node['value']) : undefined;
}

export function argumentsOf(node: unknown): readonly SyntaxNode[] {
  return isNode(node) && node.type === 'CallExpression' ? nodesOf(node['args']) : [];
}

export function isFilter({ type }: SyntaxNode): boolean {
  return type === 'FilterExpression' || type === 'FilterStatement';
}
