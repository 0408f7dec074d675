export { deepFreeze } from './deep-freeze.js';
export { ActiveGeneration } from './active-generation.js';
export { Disposer, type Disposable } from './disposer.js';
export { EventLoopBudget } from './event-loop-budget.js';
export { Generation } from './generation.js';
