import { messageOf } from '../errors/index.js';
import type { SyntaxNode } from './jinja-library.js';
import { renderTemplate } from './template-interpreter.js';

/* What the server and a process that renders templates tell each other. Both are of the same version. */

export interface RenderRequest {
  readonly templates: readonly string[];
  readonly values: Readonly<Record<string, unknown>>;
  /** Of all texts together. */
  readonly maxBytes: number;
}

/** `index` is that of the template. */
export type RenderAnswer =
  | { readonly kind: 'rendered'; readonly texts: readonly string[] }
  | { readonly kind: 'failed'; readonly index: number; readonly reason: string }
  | { readonly kind: 'too_large'; readonly index: number }
  /** The process has ended instead. */
  | { readonly kind: 'ended'; readonly reason: string };

/** Renders templates one after the other, until one fails or the texts are too large. */
export function renderAll(
  templates: readonly SyntaxNode[],
  { values, maxBytes }: Pick<RenderRequest, 'values' | 'maxBytes'>,
): RenderAnswer {
  const texts: string[] = [];
  let bytes = 0;
  for (const [index, template] of templates.entries()) {
    try {
      texts.push(renderTemplate(template, values));
    } catch (error) {
      return { kind: 'failed', index, reason: explainRenderError(error) };
    }
    bytes += Buffer.byteLength(texts[index] ?? '');
    if (bytes > maxBytes) return { kind: 'too_large', index };
  }
  return { kind: 'rendered', texts };
}

const KINDS: Readonly<Record<string, string>> = {
  ArrayValue: 'a list',
  BooleanValue: 'true or false',
  FloatValue: 'a number',
  FunctionValue: 'a function',
  IntegerValue: 'a number',
  NullValue: 'none',
  NumericValue: 'a number',
  ObjectValue: 'an object',
  StringValue: 'a text',
  TupleValue: 'a list',
  UndefinedValue: 'what has no value',
};

/** What the library says about a template that cannot be rendered, without the names of its own parts. */
export function explainRenderError(error: unknown): string {
  return messageOf(error)
    .replace(/^Unknown (\w+) filter: (\w+)$/, 'the filter "$2" cannot be used on $1')
    .replace(/^Cannot apply filter "(\w+)" to type: (\w+)$/, 'the filter "$1" cannot be used on $2')
    .replace(/\b[A-Z][a-z]+Value\b/g, (kind) => KINDS[kind] ?? kind);
}
