export { CallGate } from './call-gate.js';
export { type Disposable, Disposer, deepFreeze } from './disposer.js';
export {
  Backoff,
  LONGEST_TIMER_MS,
  MAX_WAIT_MS,
  formatUptime,
  parseDuration,
  withJitter,
} from './duration.js';
export { ActiveGeneration, Generation, Hold, type Lease, type LeaseInUse } from './generation.js';
export { EventLoopBudget, deadlineIn, mapParallel, raceSignal, within } from './waiting.js';
