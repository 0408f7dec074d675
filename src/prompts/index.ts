export { checkTemplate } from './check-template.js';
export {
  type PreparedTemplate,
  type RenderAnswer,
  type RenderRequest,
  prepareTemplate,
  renderAll,
} from './render-template.js';
export { Renderers } from './renderers.js';
