import * as library from '@huggingface/jinja';
import type { SyntaxNode } from './syntax-nodes.js';

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
