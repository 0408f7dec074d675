export { CallGate } from './call-gate.js';
export {
  ActiveGeneration,
  type Disposable,
  Disposer,
  Generation,
  type Lease,
  type LeaseInUse,
  Pause,
  deepFreeze,
} from './generation.js';
export {
  Backoff,
  EventLoopBudget,
  LONGEST_TIMER_MS,
  MAX_WAIT_MS,
  type TimeLimit,
  deadlineIn,
  formatUptime,
  limitTime,
  mapParallel,
  parseDuration,
  partOf,
  raceSignal,
  withJitter,
  within,
} from './timing.js';
