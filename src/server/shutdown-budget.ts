const CALLS_SHARE = 0.8;
const HOOKS_SHARE = 0.3;
const MAX_HOOKS_MS = 5000;

/** How long `on_shutdown` hooks may take, of the time that an orderly end may take. */
export function shutdownHooksMs(shutdownTimeoutMs: number): number {
  return Math.min(MAX_HOOKS_MS, shutdownTimeoutMs * HOOKS_SHARE);
}

/**
 * How long running calls may take. The rest is for what comes after them; where there are `on_shutdown` hooks, their time is
 * taken from that of the calls.
 */
export function shutdownCallsMs(shutdownTimeoutMs: number, hasHooks: boolean): number {
  return shutdownTimeoutMs * CALLS_SHARE - (hasHooks ? shutdownHooksMs(shutdownTimeoutMs) : 0);
}
