export { deepFreeze } from './deep-freeze.js';
export { ActiveGeneration } from './active-generation.js';
export { Disposer, type Disposable } from './disposer.js';
export { EventLoopBudget } from './event-loop-budget.js';
export { Generation, type Lease } from './generation.js';
export type { Hold } from './hold.js';
export type { LeaseInUse } from './lease-book.js';
export { deadlineIn } from './deadline.js';
export { raceSignal, within } from './within.js';
