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
export { type CountedLimit, type RateLimit, RateLimiter } from './rate-limiter.js';
export {
  Backoff,
  CallDeadline,
  EventLoopBudget,
  LONGEST_TIMER_MS,
  MAX_WAIT_MS,
  type TimeLimit,
  type Wait,
  deadlineIn,
  endedWithin,
  formatUptime,
  limitTime,
  mapParallel,
  parseDuration,
  partOf,
  raceSignal,
  withJitter,
  within,
} from './timing.js';
