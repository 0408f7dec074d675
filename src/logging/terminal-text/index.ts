export { visible, visibleLines } from './visible.js';
