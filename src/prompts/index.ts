export { checkTemplate } from './check-template.js';
export { type SyntaxNode, parseTemplate } from './jinja-library.js';
export { type RenderAnswer, type RenderRequest, renderAll } from './render-messages.js';
export { Renderers } from './renderers.js';
export { isPredictable } from './template-interpreter.js';
