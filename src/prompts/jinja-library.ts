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
  /** Methods of the value. */
  readonly builtins?: ReadonlyMap<string, RuntimeValue>;
  toString(): string;
}

/** The variables and functions of a template. */
interface Environment {
  readonly variables: Map<string, RuntimeValue>;
  readonly tests: ReadonlyMap<string, (value: RuntimeValue) => boolean>;
  /** Throws for a name that is already set. */
  set(name: string, value: unknown): RuntimeValue;
}

interface LibraryInterpreter {
  run(program: SyntaxNode): RuntimeValue;
  evaluate(node: SyntaxNode | undefined, environment: Environment): RuntimeValue;
  evaluateFor(node: SyntaxNode, environment: Environment): RuntimeValue;
  evaluateBlock(nodes: readonly SyntaxNode[], environment: Environment): RuntimeValue;
}

export const JinjaEnvironment: new () => Environment = library.Environment;
const LibraryInterpreter: new (environment: Environment) => LibraryInterpreter = library.Interpreter;

/**
 * Ends an iteration at `break` and `continue` with the text so far. The library throws an exception, which loses that text and
 * takes a loop without a complete iteration for an empty one (0.5.11).
 */
export class JinjaInterpreter extends LibraryInterpreter {
  /** Set from the statement until its loop continues or ends. */
  #control: 'Break' | 'Continue' | undefined;
  /** The body of the innermost loop. */
  #body: unknown;

  override evaluate(node: SyntaxNode | undefined, environment: Environment): RuntimeValue {
    if (node?.type !== 'Break' && node?.type !== 'Continue') return super.evaluate(node, environment);
    this.#control = node.type;
    return toRuntimeValue('');
  }

  override evaluateFor(node: SyntaxNode, environment: Environment): RuntimeValue {
    const body = this.#body;
    this.#body = node['body'];
    try {
      return super.evaluateFor(node, environment);
    } finally {
      this.#body = body;
      this.#control = undefined;
    }
  }

  override evaluateBlock(nodes: readonly SyntaxNode[], environment: Environment): RuntimeValue {
    if (nodes === this.#body && this.#control === 'Continue') this.#control = undefined;
    let text = '';
    for (const node of nodes) {
      if (this.#control !== undefined) break;
      const { type, value } = this.evaluate(node, environment);
      if (type === 'StringValue') text += String(value);
    }
    return toRuntimeValue(text);
  }
}

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
export const ListValue = classOf<readonly RuntimeValue[]>([]);
export const FunctionValue = classOf<(args: readonly (RuntimeValue | undefined)[]) => RuntimeValue>(() => null);

/** A node of a parsed template. The library exports no types for its kinds of nodes. */
export interface SyntaxNode {
  readonly type: string;
  readonly [field: string]: unknown;
}

/**
 * Keeps line ends and spaces around blocks, as Jinja2 does by default. An expression in parentheses is the operand of the filter
 * `GROUPED`. Throws the errors of the library, which have no position.
 */
export function parseTemplate(text: string): SyntaxNode {
  return library.parse(wrapGroups(library.tokenize(text, { lstrip_blocks: false, trim_blocks: false })));
}

/** The name of a filter that no template can write. */
export const GROUPED = '|grouped';

interface Token {
  readonly type: string;
  readonly value: string;
}

/** What an opening parenthesis follows if it groups an expression, besides operators: all other words are called. */
const WORDS_BEFORE_GROUPS = new Set(['and', 'or', 'not', 'in', 'is', 'if', 'elif', 'else']);
const CALLED = new Set(['CloseParen', 'CloseSquareBracket', 'StringLiteral']);
/** Operators of which the parser forgets whether they were in parentheses, though their meaning depends on it. */
const GROUPABLE = new Set(['ComparisonBinaryOperator', 'AdditiveBinaryOperator']);

/** Writes `((a < b)|grouped)` for `(a < b)`. */
function wrapGroups(tokens: readonly Token[]): readonly Token[] {
  const wrapped: Token[] = [];
  const open: { readonly at: number; readonly isGroup: boolean; isWrapped: boolean }[] = [];
  for (const [index, token] of tokens.entries()) {
    const { type, value } = token;
    if (type === 'OpenParen') {
      const before = tokens[index - 1] ?? token;
      const isGroup = before.type === 'Identifier' ? WORDS_BEFORE_GROUPS.has(before.value) : !CALLED.has(before.type);
      open.push({ at: wrapped.length, isGroup, isWrapped: false });
    }
    const around = open.at(-1);
    const isOperator = GROUPABLE.has(type) || (type === 'Identifier' && value === 'in');
    if (isOperator && around !== undefined) around.isWrapped = around.isGroup;
    wrapped.push(token);
    if (type !== 'CloseParen') continue;
    open.pop();
    if (around?.isWrapped !== true) continue;
    wrapped.splice(around.at, 0, { type: 'OpenParen', value: '(' });
    wrapped.push(
      { type: 'Pipe', value: '|' },
      { type: 'Identifier', value: GROUPED },
      { type: 'CloseParen', value: ')' },
    );
  }
  return wrapped;
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
