import type { RouteName } from './wire-types.js';

/** Routes whose names and fields may still change before 1.0. All others are stable. */
export const EXPERIMENTAL_ROUTES: ReadonlySet<string> = new Set<RouteName>([
  'runEndpoint',
  'runQuery',
  'validateProject',
  'getLogs',
  'getSystemInfo',
  'getSystemCpu',
  'getSystemMemory',
  'getSystemDisk',
  'getSystemNetwork',
  'getSystemProcess',
  'getAuditRecords',
  'getAuditStats',
  'listSessions',
  'deleteSession',
  'deleteSessions',
  'getLogLevel',
  'putLogLevel',
  'getEvents',
  'getTrace',
  'getDocs',
]);

/**
 * What a server can do beyond the first version of the contract, and by which route, for `features` in `/status`. Clients look for
 * names instead of comparing versions. A name is never used again for anything else.
 */
export const FEATURES = {
  audit: 'getAuditRecords',
  config_etag: 'getConfig',
  docs: 'getDocs',
  drain: 'postDrain',
  events: 'getEvents',
  loglevel: 'putLogLevel',
  logs: 'getLogs',
  metrics: 'getMetrics',
  reload_cancel: 'deleteReload',
  reload_if_match: 'postReload',
  reload_rate_limit: 'postReload',
  sessions: 'listSessions',
  system: 'getSystemInfo',
  trace: 'getTrace',
} as const satisfies Readonly<Record<string, RouteName>>;
