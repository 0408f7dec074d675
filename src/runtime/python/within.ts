export { within } from '../../lifecycle/index.js';
