export { startMetricsListener } from './metrics-listener.js';
export { ServerMetrics } from './server-metrics.js';
export type { ServerState, ServingState } from './server-state.js';
