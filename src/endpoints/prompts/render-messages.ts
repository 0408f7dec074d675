import { explainRenderError } from './explain-render-error.js';
import type { SyntaxNode } from './syntax-nodes.js';
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
